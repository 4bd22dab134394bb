/// Rows by an upper bound of their gain, largest first, of equals the lower row.
///
/// Lazy evaluation (Minoux, 1978): where gains never grow, one computed earlier bounds it from above, so that a greedy
/// choice computes few of them anew.
struct GainHeap {
    private var entries: [(gain: Float, row: Int)]

    /// A heap of rows `0, 1, …`, with a bound for each.
    init(_ gains: [Float]) {
        entries = gains.indices.map { (gains[$0], $0) }
        for place in (0..<gains.count / 2).reversed() { sink(place) }
    }

    /// Takes out the row of largest gain, computing gains anew until the first is up to date.
    mutating func popMaximum(recomputing gain: (Int) -> Float) -> (row: Int, gain: Float)? {
        while let top = entries.first {
            entries[0].gain = gain(top.row)
            if entries[0].gain == top.gain { break }
            sink(0)
        }
        guard let last = entries.popLast() else { return nil }
        guard let top = entries.first else { return (last.row, last.gain) }
        entries[0] = last
        sink(0)
        return (top.row, top.gain)
    }

    private mutating func sink(_ start: Int) {
        var place = start
        while true {
            var first = place
            for child in 2 * place + 1...2 * place + 2 where child < entries.count && precedes(child, first) {
                first = child
            }
            guard first != place else { return }
            entries.swapAt(place, first)
            place = first
        }
    }

    private func precedes(_ a: Int, _ b: Int) -> Bool {
        let (a, b) = (entries[a], entries[b])
        return a.gain > b.gain || (a.gain == b.gain && a.row < b.row)
    }
}
