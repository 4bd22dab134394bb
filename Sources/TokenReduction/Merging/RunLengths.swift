/// Which tokens begin a run along time, and how long the runs are.
///
/// Source: Run-length tokenization (RLT, NeurIPS 2024, arXiv 2411.05222). A token that hardly differs from the one
/// before it in its cell continues that cell's run; only the token that begins a run is kept, and stands for all of it.
package struct RunLengths {
    /// `[frames * cells]`: whether a token begins a run.
    package private(set) var starts: [Bool]
    /// Cells of a frame.
    package let cells: Int

    /// Runs that a change above the threshold ends; the first frame always begins runs.
    package init(changes: [Float], cells: Int, threshold: Float) {
        self.cells = cells
        starts = changes.enumerated().map { $0.offset < cells || $0.element > threshold }
    }

    /// The tokens that begin a run, in reading order.
    package var tokens: [Int] { starts.indices.filter { starts[$0] } }

    /// The tokens of the run that `token` begins: the same cell in one frame after another.
    package func run(from token: Int) -> [Int] {
        var run = [token]
        var next = token + cells
        while next < starts.count, !starts[next] {
            run.append(next)
            next += cells
        }
        return run
    }

    /// Joins runs until at most `count` are left, those first that the least change began; the first frame's stay.
    mutating func join(to count: Int, changes: [Float]) {
        let joinable = tokens.filter { $0 >= cells }
        let surplus = min(tokens.count - count, joinable.count)
        guard surplus > 0 else { return }
        for place in Ranking.smallest(surplus, of: joinable.map { changes[$0] }) { starts[joinable[place]] = false }
    }
}
