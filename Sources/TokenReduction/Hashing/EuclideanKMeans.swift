internal import TensorOps
package import TokenCore

/// K-means by Euclidean distance, for residuals and joint features, whose lengths matter.
///
/// Source: Lloyd, "Least squares quantization in PCM", 1982, seeded by ``KMeansSeeding``. Ties go to the lower entry;
/// an entry that lost all its rows takes over the row that is farthest from its own. Ends when no label changes. Labels are those that the final entries give.
/// Shapes: rows `[N, D]`, entries `[K, D]`. Cost: O(N K D) a step.
package struct EuclideanKMeans: Sendable {
    /// `[N]`: the nearest entry of each row.
    package private(set) var labels: [Int32]
    /// `[K, D]`.
    package private(set) var entries: TensorBuffer<Float>

    /// Clusters rows into at most `count` entries; fewer if there are fewer rows.
    package init(
        of values: TensorBuffer<Float>, channels: Int, count: Int, iterations: Int, seed: UInt64, workers: Int
    ) {
        let rows = values.count / channels
        let count = min(count, rows)
        let seeds = KMeansSeeding.draw(count, from: values, channels: channels, weights: nil, seed: seed)
        entries = values.gathering(seeds, channels: channels)
        labels = []
        for _ in 0..<iterations {
            let nearest = Self.nearest(values, channels: channels, to: entries, workers: workers)
            var next = nearest.labels
            Self.reviveDead(&next, nearest.distances, count: count)
            if next == labels { break }
            labels = next
            entries = Self.means(of: values, channels: channels, next, fallback: entries, workers: workers)
        }
        labels = Self.nearest(values, channels: channels, to: entries, workers: workers).labels
    }

    /// The nearest entry of each row and the squared distance to it.
    package static func nearest(
        _ values: TensorBuffer<Float>, channels: Int, to entries: TensorBuffer<Float>, workers: Int
    ) -> (labels: [Int32], distances: [Float]) {
        let count = entries.count / channels
        let squares = entries.withUnsafeBufferPointer { Rows.dotsAndSquares($0, $0, channels: channels).squares }
        let blocks = Rows.blocks(of: values.count / channels, size: 256).mapParallel(workers: workers) {
            block -> (labels: [Int32], distances: [Float]) in
            values.withRows(block, channels: channels) { rows in
                var scores = entries.withUnsafeBufferPointer {
                    Matrix.products(rows, rows: block.count, $0, rows: count, channels: channels)
                }
                let own = Rows.dotsAndSquares(rows, rows, channels: channels).squares
                var labels: [Int32] = []
                var distances: [Float] = []
                for row in own.indices {
                    for entry in 0..<count { scores[row * count + entry] -= squares[entry] / 2 }
                    scores.withUnsafeBufferPointer { scores in
                        let line = UnsafeBufferPointer(rebasing: scores[row * count..<(row + 1) * count])
                        let best = Rows.indexOfMaximum(line)
                        labels.append(Int32(best))
                        distances.append(max(own[row] - 2 * line[best], 0))
                    }
                }
                return (labels, distances)
            }
        }
        return (blocks.flatMap(\.labels), blocks.flatMap(\.distances))
    }

    /// The mean of the rows of each entry; an entry without rows stays as it is.
    static func means(
        of values: TensorBuffer<Float>, channels: Int, _ labels: [Int32], fallback: TensorBuffer<Float>, workers: Int
    ) -> TensorBuffer<Float> {
        sums(of: values, channels: channels, labels, count: fallback.count / channels, workers: workers)
            .centroids(fallback: fallback, normalized: false)
    }

    /// Sums of the rows of each entry, cut into parts by the data alone.
    static func sums(
        of values: TensorBuffer<Float>, channels: Int, _ labels: [Int32], count: Int, workers: Int
    ) -> CodeSums {
        let parts = Rows.blocks(of: labels.count, size: max(512, count, (labels.count + 15) / 16))
            .mapParallel(workers: workers) { part in
                var sums = CodeSums(codes: count, channels: channels)
                for row in part {
                    let label = Int(labels[row])
                    values.withRows(row..<row + 1, channels: channels) { sums.add($0, weight: 1, to: label) }
                    sums.members[label] += 1
                }
                return sums
            }
        return parts.dropFirst().reduce(into: parts.first ?? CodeSums(codes: count, channels: channels)) {
            $0.add($1)
        }
    }

    private static func reviveDead(_ labels: inout [Int32], _ distances: [Float], count: Int) {
        var members = [Int](repeating: 0, count: count)
        for label in labels { members[Int(label)] += 1 }
        let dead = members.indices.filter { members[$0] == 0 }
        guard !dead.isEmpty else { return }
        var donors = Ranking.descending(distances)[...]
        for entry in dead {
            guard let place = donors.firstIndex(where: { members[Int(labels[$0])] > 1 }) else { return }
            let row = donors[place]
            donors.removeSubrange(donors.startIndex...place)
            members[Int(labels[row])] -= 1
            members[entry] += 1
            labels[row] = Int32(entry)
        }
    }
}
