internal import TensorOps
package import TokenCore

/// Greedy facility location: takes candidates one by one, each the one that raises most the sum, over the clients, of the
/// highest value that a candidate taken so far has for the client.
///
/// After any number of steps the sum is within 1 - 1/e of the best choice of that size, counted from the floor
/// (Nemhauser, Wolsey & Fisher, 1978). Of equals the lower candidate.
///
/// Lazy evaluation (Minoux, 1978): since gains never grow, one computed earlier bounds it from above.
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
        bounds = GainHeap((0..<candidates).map { ($0, Self.gain(of: $0, in: values, over: best)) })
    }

    /// Takes the next candidate, and tells what it added to the sum; nil when all are taken.
    package mutating func next() -> (candidate: Int, gain: Float)? {
        let (values, best) = (values, best)
        guard let next = bounds.popMaximum(recomputing: { Self.gain(of: $0, in: values, over: best) }) else {
            return nil
        }
        values.withRows(next.candidate..<next.candidate + 1, channels: best.count) { row in
            for client in row.indices { self.best[client] = max(best[client], row[client]) }
        }
        return next
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

/// Candidates by an upper bound of their gain, largest first, of equals the lower candidate.
private struct GainHeap {
    typealias Entry = (candidate: Int, gain: Float)
    private var entries: [Entry]

    init(_ gains: [Entry]) {
        entries = gains.sorted { Self.precedes($0, $1) }
    }

    /// Takes out the candidate of largest gain, computing gains anew until the first is up to date.
    mutating func popMaximum(recomputing gain: (Int) -> Float) -> Entry? {
        while let top = entries.first {
            entries[0].gain = gain(top.candidate)
            if entries[0].gain == top.gain { break }
            sink()
        }
        guard let last = entries.popLast() else { return nil }
        guard let top = entries.first else { return last }
        entries[0] = last
        sink()
        return top
    }

    private mutating func sink() {
        var place = 0
        while true {
            let children = [2 * place + 1, 2 * place + 2].filter { $0 < entries.count }
            guard let child = children.min(by: { Self.precedes(entries[$0], entries[$1]) }),
                Self.precedes(entries[child], entries[place])
            else { return }
            entries.swapAt(place, child)
            place = child
        }
    }

    private static func precedes(_ a: Entry, _ b: Entry) -> Bool {
        a.gain > b.gain || (a.gain == b.gain && a.candidate < b.candidate)
    }
}
