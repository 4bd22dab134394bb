internal import TensorOps
package import TokenCore

/// Greedy facility location: takes candidates one by one, each the one that raises most the sum, over the clients, of the
/// highest value that a candidate taken so far has for the client.
///
/// After any number of steps the sum is within 1 - 1/e of the best choice of that size, counted from the floor
/// (Nemhauser, Wolsey & Fisher, 1978). Of equals the lower candidate.
///
/// Gains never grow, so few need computing anew (``GainHeap``).
/// Shapes: values `[K, M]` of K candidates for M clients. Cost: O(K M) for a few passes over them.
package struct FacilityLocation {
    private let values: TensorBuffer<Float>
    private var bounds: GainHeap
    /// `[M]`: the highest value of a candidate taken so far; at first the floor.
    package private(set) var best: [Float]

    /// Starts with no candidate taken.
    ///
    /// - Parameters:
    ///   - values: `[candidates, M]`, to which the weights of the clients belong, where they differ.
    ///   - floor: What a client has without any candidate; no value lies below it.
    package init(_ values: TensorBuffer<Float>, candidates: Int, floor: Float) {
        self.values = values
        let best = [Float](repeating: floor, count: values.count / max(candidates, 1))
        self.best = best
        bounds = GainHeap((0..<candidates).map { Self.gain(of: $0, in: values, over: best) })
    }

    /// Takes the next candidate, and tells what it added to the sum; nil when all are taken.
    package mutating func next() -> (candidate: Int, gain: Float)? {
        let (values, best) = (values, best)
        guard let next = bounds.popMaximum(recomputing: { Self.gain(of: $0, in: values, over: best) }) else {
            return nil
        }
        values.withRows(next.row..<next.row + 1, channels: best.count) { row in
            for client in row.indices { self.best[client] = max(best[client], row[client]) }
        }
        return (next.row, next.gain)
    }

    /// The sum of what each client gains, in eight running sums: every term falls as `best` rises, so the sum does too.
    private static func gain(of candidate: Int, in values: TensorBuffer<Float>, over best: [Float]) -> Float {
        values.withRows(candidate..<candidate + 1, channels: best.count) { row in
            best.withUnsafeBufferPointer { best in
                var sums = SIMD8<Float>.zero
                let whole = row.count / 8 * 8
                for start in stride(from: 0, to: whole, by: 8) {
                    var values = SIMD8<Float>.zero
                    for lane in 0..<8 { values[lane] = row[start + lane] - best[start + lane] }
                    sums += pointwiseMax(values, .zero)
                }
                return (whole..<row.count).reduce(sums.sum()) { $0 + max(row[$1] - best[$1], 0) }
            }
        }
    }
}
