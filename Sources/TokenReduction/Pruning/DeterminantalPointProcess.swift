internal import TensorOps

/// Choosing items that are each of high quality and together unlike: the likeliest subset of a determinantal point
/// process, found greedily.
///
/// Source: Chen, Zhang & Zhou, NeurIPS 2018. For a kernel `L = q_i S_ij q_j` each step adds the item that raises
/// `det L[chosen]` most. With the Cholesky factor grown by a row a step, `d2_i` is what item i would multiply the
/// determinant by:
///
///     j = argmax d2;  e = (L[j, .] - sum over earlier steps t of c_t[j] c_t) / sqrt(d2_j);  d2 -= e^2
///
/// Ties go to the lower index. An item that the chosen ones already span has nothing to add but rounding error, and is
/// passed over; with none left the choice ends early. Cost: O(n k^2) for k of n items.
package enum DeterminantalPointProcess {
    /// Up to `count` items, in the order they are chosen, from an `[n, n]` similarity with a unit diagonal, or zero for
    /// items that are nothing, and a quality for each item.
    package static func greedyChoice(_ count: Int, similarity: [Float], quality: [Float]) -> [Int] {
        let n = quality.count
        precondition(similarity.count == n * n, "a similarity for every pair of items")
        let diagonal = (0..<n).map { quality[$0] * similarity[$0 * n + $0] * quality[$0] }
        var gain = diagonal
        var factors: [[Float]] = []
        var chosen: [Int] = []
        while chosen.count < count {
            let item = gain.withUnsafeBufferPointer { Rows.indexOfMaximum($0) }
            guard gain[item] > 0 else { break }
            let root = gain[item].squareRoot()
            var factor = (0..<n).map { quality[item] * similarity[item * n + $0] * quality[$0] }
            factor.withUnsafeMutableBufferPointer { factor in
                for earlier in factors {
                    earlier.withUnsafeBufferPointer { Rows.add($0, scale: -earlier[item], to: factor) }
                }
            }
            chosen.append(item)
            for index in 0..<n {
                factor[index] /= root
                gain[index] -= factor[index] * factor[index]
                if gain[index] <= roundingError * diagonal[index] { gain[index] = -.infinity }
            }
            gain[item] = -.infinity
            factors.append(factor)
        }
        return chosen
    }

    /// The share of an item's own kernel entry below which what is left of it is noise.
    private static let roundingError: Float = 1e-6
}
