internal import TensorOps
internal import TokenCore

/// Merges square windows of neighbouring tokens that look alike.
///
/// Source: MustDrop (Liu et al., arXiv 2411.10803), local spatial merging. A frame is cut into windows of w x w tokens;
/// with `u` the tokens divided by their length,
///
///     score = mean of u_i . u_j over the n (n - 1) pairs of different tokens = (|sum u|^2 - n) / (n (n - 1))
///
/// and a window whose score reaches the threshold becomes its mean. Windows at the right and bottom border are smaller
/// where the sides are no multiples of w; the reference asks for multiples.
///
/// To meet a count the windows with the highest scores merge first. Windows above the threshold go on to merge at
/// twice the size, and twice that, before any below it do; so even areas become coarse while busy ones stay fine.
///
/// Shapes: `[T, N, D]` to `count` rows, but never fewer than T. Anchors: the middle of a window. Cost: O(T N D).
///
/// With `asPublished` all windows of the first size that reach the threshold merge, and nothing else; in each frame
/// they come first, best first, anchored at their bottom right, then the other tokens.
struct WindowMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "window-merge", kind: .merge, summary: "Averages square windows of tokens that look alike.",
        source: "MustDrop, arXiv 2411.10803",
        parameters: [
            .whole("window", 3, in: 2...64, "Tokens along the side of the smallest window."),
            .real("threshold", 0.8, in: -1...1, "Windows of at least this mean cosine merge, and grow, first."),
        ],
        cost: "O(T N D)")

    private let side: Int
    private let threshold: Float

    init(_ values: ParameterValues) {
        side = values.whole("window")
        threshold = Float(values.real("threshold"))
    }

    private struct Window {
        let tokens: [Int]
        let middle: Int
        let score: Float
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let frames = try Parallel.map(count: input.grid.shape.frames, workers: input.workers) {
            frame throws(TokenReelError) in
            try input.checkCancellation()
            return levels(of: frame, input)
        }
        if input.asPublished { return publishedPlan(frames.map { $0.first ?? [] }, input) }

        let sources = input.grid.shape.tokenCount
        // The token each token's window is anchored at; an anchor points at itself.
        var owners = Array(0..<sources)
        var rows = sources
        for least in [threshold, -.infinity] {
            for level in 0..<(frames.first?.count ?? 0) {
                let windows = frames.flatMap { $0[level] }.filter { $0.score >= least }
                for index in Ranking.descending(windows.map(\.score)) where rows > count {
                    let window = windows[index]
                    let anchors = window.tokens.filter { owners[$0] == $0 }
                    // The last window joins only as many of its rows as the count asks for.
                    let joined = anchors.prefix(rows - count + 1)
                    let anchor = joined.count < anchors.count ? joined[0] : window.middle
                    for token in window.tokens where joined.contains(owners[token]) { owners[token] = anchor }
                    rows -= max(joined.count - 1, 0)
                }
            }
        }
        var members = [[Int]](repeating: [], count: sources)
        for (token, owner) in owners.enumerated() { members[owner].append(token) }
        return ReductionPlan(
            sourceCount: sources,
            rows: members.enumerated().filter { !$1.isEmpty }.map { .init(anchor: $0, averaging: $1) })
    }

    private func publishedPlan(_ frames: [[Window]], _ input: ReductionInput) -> ReductionPlan {
        let cells = input.grid.shape.tokensPerFrame
        let rows = frames.enumerated().flatMap { frame, windows -> [ReductionPlan.Row] in
            let merged = Ranking.descending(windows.map(\.score)).map { windows[$0] }.filter { $0.score >= threshold }
            let isMerged = Set(merged.flatMap(\.tokens))
            let others = (frame * cells..<(frame + 1) * cells).filter { !isMerged.contains($0) }
            return merged.map { .init(anchor: $0.tokens[$0.tokens.count - 1], averaging: $0.tokens) }
                + others.map { .init(keeping: $0) }
        }
        return ReductionPlan(sourceCount: input.grid.shape.tokenCount, rows: rows)
    }

    // MARK: The windows of one frame

    /// Windows of more than one token, for each size from the smallest to one that holds the whole frame.
    private func levels(of frame: Int, _ input: ReductionInput) -> [[Window]] {
        let shape = input.grid.shape
        var levels: [[Window]] = []
        var size = side
        while levels.isEmpty || size < 2 * max(shape.rows, shape.columns) {
            levels.append(windows(of: frame, size: size, input))
            size *= 2
        }
        return levels
    }

    private func windows(of frame: Int, size: Int, _ input: ReductionInput) -> [Window] {
        let shape = input.grid.shape
        let first = frame * shape.tokensPerFrame
        // Rows that add up the tokens of a window, each divided by its length.
        let sums = Rows.blocks(of: shape.rows, size: size).flatMap { rows in
            Rows.blocks(of: shape.columns, size: size).map { columns in
                let tokens = rows.flatMap { row in columns.map { first + row * shape.columns + $0 } }
                let middle = (rows.lowerBound + rows.upperBound - 1) / 2 * shape.columns
                return ReductionPlan.Row(
                    anchor: first + middle + (columns.lowerBound + columns.upperBound - 1) / 2, sources: tokens,
                    weights: tokens.map { input.norms[$0] > 0 ? 1 / input.norms[$0] : 0 })
            }
        }.filter { $0.sources.count > 1 }
        let lengths = ReductionPlan(sourceCount: shape.tokenCount, rows: sums)
            .applied(to: input.grid.values, channels: input.channels)
            .withUnsafeBufferPointer { Rows.norms($0, channels: input.channels) }
        return zip(sums, lengths).map { sum, length in
            let count = Float(sum.sources.count)
            // A zero vector is like nothing, itself included.
            let selves = Float(sum.weights.count { $0 > 0 })
            return Window(
                tokens: sum.sources, middle: sum.anchor, score: (length * length - selves) / (count * (count - 1)))
        }
    }
}
