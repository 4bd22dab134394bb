internal import TensorOps
package import TokenCore

/// K-means++: spreads the first centroids out, each drawn with a chance in proportion to its squared distance from
/// those already drawn.
///
/// Source: Arthur & Vassilvitskii, SODA 2007. Drawing walks over all tokens once for each centroid, so tokens of many
/// channels are first projected to 64 random directions, which keeps distances within a few per cent (Johnson &
/// Lindenstrauss, 1984; signs instead of Gaussians by Achlioptas, 2003). The same seed gives the same choice anywhere.
/// Cost: O(N D) to project, O(N K) to draw.
package enum KMeansSeeding {
    private static let directions = 64

    /// `count` distinct tokens, in the order drawn: the first k of them seed k codes.
    package static func draw(
        _ count: Int, from tokens: TensorBuffer<Float>, channels: Int, weights: [Float]?, seed: UInt64
    ) -> [Int] {
        var generator = SplitMix64(state: seed)
        let (points, width) = projected(tokens, channels: channels, seed: generator.next())
        let total = points.count / width
        precondition(count <= total, "no more seeds than tokens")
        var chosen: [Int] = []
        var isChosen = [Bool](repeating: false, count: total)
        var distance = [Float](repeating: .infinity, count: total)
        var next = Int(generator.unit() * Double(total))
        while true {
            chosen.append(next)
            isChosen[next] = true
            if chosen.count == count { return chosen }
            points.withUnsafeBufferPointer { points in
                let centre = UnsafeBufferPointer(rebasing: points[next * width..<(next + 1) * width])
                for index in 0..<total {
                    var sum: Float = 0
                    for channel in 0..<width {
                        let difference = points[index * width + channel] - centre[channel]
                        sum += difference * difference
                    }
                    distance[index] = min(distance[index], sum)
                }
            }
            next = drawn(distance, weights, isChosen, generator.unit())
        }
    }

    private static func drawn(_ distance: [Float], _ weights: [Float]?, _ isChosen: [Bool], _ place: Double) -> Int {
        func mass(_ index: Int) -> Double { isChosen[index] ? 0 : Double(distance[index] * (weights?[index] ?? 1)) }
        let goal = place * distance.indices.reduce(0) { $0 + mass($1) }
        var sum = 0.0
        var last: Int?
        for index in distance.indices where mass(index) > 0 {
            sum += mass(index)
            last = index
            if sum > goal { break }
        }
        // All that is left coincides with a seed: take the first.
        return last ?? isChosen.firstIndex(of: false) ?? 0
    }

    /// The tokens in few random directions, and how many; tokens of few channels stay as they are.
    static func projected(
        _ tokens: TensorBuffer<Float>, channels: Int, seed: UInt64
    ) -> (points: TensorBuffer<Float>, width: Int) {
        guard channels > directions else { return (tokens, channels) }
        var generator = SplitMix64(state: seed)
        let rows = tokens.count / channels
        let signs = (0..<directions * channels).map { _ -> Float in generator.next() & 1 == 0 ? 1 : -1 }
        let points = tokens.withUnsafeBufferPointer { tokens in
            signs.withUnsafeBufferPointer { signs in
                TensorBuffer<Float>(count: rows * directions) { output in
                    Matrix.products(tokens, rows: rows, signs, rows: directions, channels: channels, into: output)
                }
            }
        }
        return (points, directions)
    }
}
