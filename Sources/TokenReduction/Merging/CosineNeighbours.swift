internal import TensorOps
internal import TokenCore

/// For each of some tokens the most similar of some others, by cosine; of equals the first.
///
/// O(m n D) for m tokens and n others, in blocks, so that memory stays linear in m.
struct CosineNeighbours {
    /// `[m]`: which of the others is nearest.
    let nearest: [Int]
    /// `[m]`: the cosine to it; a zero vector has cosine 0 to everything.
    let cosines: [Float]

    /// Compares the rows `tokens` with the rows `others` of one matrix whose rows have lengths `norms`.
    ///
    /// Others that are `excluded` have a cosine of -1 to everything.
    ///
    /// - Precondition: There is at least one other.
    init(
        _ tokens: [Int], to others: [Int], excluded: Set<Int> = [], of values: TensorBuffer<Float>, norms: [Float],
        channels: Int
    ) {
        self = values.withGatheredRows(others, channels: channels) {
            CosineNeighbours(
                tokens, of: values, norms: norms, to: $0, norms: others.map { norms[$0] },
                excluded: others.indices.filter { excluded.contains(others[$0]) }, channels: channels)
        }
    }

    /// Compares rows of a matrix with all rows of another.
    ///
    /// - Precondition: There is at least one other.
    init(
        _ tokens: [Int], of values: TensorBuffer<Float>, norms: [Float], to others: UnsafeBufferPointer<Float>,
        norms otherNorms: [Float], excluded: [Int] = [], channels: Int
    ) {
        let scales = otherNorms.map { $0 > 0 ? 1 / $0 : 0 }
        var nearest: [Int] = []
        var cosines: [Float] = []
        for block in Rows.blocks(of: tokens.count, size: 512) {
            var products = values.withGatheredRows(Array(tokens[block]), channels: channels) {
                Matrix.products($0, rows: block.count, others, rows: scales.count, channels: channels)
            }
            products.withUnsafeMutableBufferPointer { products in
                for (row, token) in tokens[block].enumerated() {
                    let line = UnsafeMutableBufferPointer(
                        rebasing: products[row * scales.count..<(row + 1) * scales.count])
                    for other in scales.indices { line[other] *= scales[other] }
                    for other in excluded { line[other] = -norms[token] }
                    let best = Rows.indexOfMaximum(UnsafeBufferPointer(line))
                    nearest.append(best)
                    cosines.append(norms[token] > 0 ? line[best] / norms[token] : 0)
                }
            }
        }
        self.nearest = nearest
        self.cosines = cosines
    }
}

extension TensorBuffer<Float> {
    /// Calls `body` with the rows at `indices` next to each other; they are copied only if they lie apart.
    func withGatheredRows<Result>(
        _ indices: [Int], channels: Int, _ body: (UnsafeBufferPointer<Float>) -> Result
    ) -> Result {
        if let first = indices.first, indices.indices.allSatisfy({ indices[$0] == first + $0 }) {
            return withRows(first..<first + indices.count, channels: channels, body)
        }
        return gathering(indices, channels: channels).withUnsafeBufferPointer(body)
    }
}
