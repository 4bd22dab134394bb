internal import TensorOps
internal import TokenCore

/// Density-peak clustering with k nearest neighbours (DPC-KNN).
///
/// Source: Rodriguez & Laio, Science 2014; the k-nearest-neighbour density of Du, Ding & Jia, 2016, as used by
/// HoliTom, FastVID and PruneVid. With `d` the Euclidean distance over sqrt(D):
///
///     rho_i   = exp(-mean of the k smallest d_ij^2, self included)
///     delta_i = min d_ij over the j that are denser than i; for the densest, the largest distance of all
///     centres = the highest rho * delta
///
/// Deviation: the references break ties of rho with random noise; here of equally dense tokens the lower index counts
/// as denser. Ties are common: with two neighbours, any two tokens nearest to each other are equally dense. With
/// `asPublished` neither counts as denser, which is what the references compute without their noise.
/// Cost: O(n^2 D) for n tokens.
package struct DensityPeaks {
    /// Index of each centre, ascending.
    package let centres: [Int]
    /// For each token, which centre (as a place in `centres`) is nearest; a centre belongs to itself.
    package let assignment: [Int]
    /// The places of the centres from the highest score to the lowest.
    package let ranking: [Int]

    /// Clusters the rows of `tokens [n, channels]` around `count` centres, 1...n.
    package init(
        _ tokens: UnsafeBufferPointer<Float>, channels: Int, count: Int, neighbours: Int, asPublished: Bool = false
    ) {
        let n = tokens.count / channels
        precondition(count >= 1 && count <= n, "between one centre and every token")
        var distances = Matrix.distances(tokens, channels: channels, scale: 1 / Float(channels).squareRoot())
        // Rounding may differ on the two sides of the diagonal, and would decide between equally dense tokens.
        for row in 0..<n { for column in 0..<row { distances[row * n + column] = distances[column * n + row] } }
        let density = Self.density(distances, n: n, neighbours: min(max(neighbours, 1), n))
        let score = zip(density, Self.separation(distances, density, breaksTies: !asPublished)).map { $0 * $1 }
        // With one neighbour, itself, every token is as dense as any other.
        let isTied = asPublished && count == 1 && neighbours == 1
        let ranked = isTied ? [PartialSort.front(ofEqual: n)] : Ranking.largest(count, of: score)
        let centres = ranked.sorted()
        self.centres = centres
        let place = Dictionary(uniqueKeysWithValues: centres.enumerated().map { ($1, $0) })
        ranking = ranked.compactMap { place[$0] }

        var assignment = (0..<n).map { token in
            var nearest = 0
            for place in centres.indices
            where distances[token * n + centres[place]] < distances[token * n + centres[nearest]] {
                nearest = place
            }
            return nearest
        }
        for (place, centre) in centres.enumerated() { assignment[centre] = place }
        self.assignment = assignment
    }

    /// The tokens of each cluster, ascending, the centre included.
    package var members: [[Int]] {
        var members = [[Int]](repeating: [], count: centres.count)
        for (token, place) in assignment.enumerated() { members[place].append(token) }
        return members
    }

    private static func density(_ distances: [Float], n: Int, neighbours k: Int) -> [Float] {
        (0..<n).map { token in
            // The k smallest, kept sorted: k is small, so insertion beats sorting the row.
            var smallest = [Float](repeating: .infinity, count: k)
            for distance in distances[token * n..<(token + 1) * n] where distance < smallest[k - 1] {
                var place = k - 1
                while place > 0, smallest[place - 1] > distance {
                    smallest[place] = smallest[place - 1]
                    place -= 1
                }
                smallest[place] = distance
            }
            let mean = smallest.reduce(0) { $0 + $1 * $1 } / Float(k)
            return Elementary.exp(-mean)
        }
    }

    private static func separation(_ distances: [Float], _ density: [Float], breaksTies: Bool) -> [Float] {
        let n = density.count
        let widest = distances.max() ?? 0
        // From densest to sparsest: the tokens denser than one are those before it, but for ties.
        let order = Ranking.descending(density)
        var separation = [Float](repeating: widest, count: n)
        var denser = 0
        for (place, token) in order.enumerated() {
            if breaksTies || density[token] < density[order[denser]] { denser = place }
            guard denser > 0 else { continue }
            separation[token] = order[..<denser].reduce(Float.infinity) { min($0, distances[token * n + $1]) }
        }
        return separation
    }
}
