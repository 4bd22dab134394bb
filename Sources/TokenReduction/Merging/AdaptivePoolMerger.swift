internal import TensorOps
internal import TokenCore

/// Averages blocks of every frame so that a coarser grid is left.
///
/// Source: the adaptive average pooling of TokenFLEX (Hu et al., arXiv 2504.03154). Output row i of h is the mean of
/// the rows
///
///     floor(i H / h) ..< ceil((i + 1) H / h)
///
/// and columns likewise, so blocks share a row where h does not divide H. The projector that the paper trains for
/// several grids is not part of this.
///
/// To meet a count every frame gets its share P of tokens, in h rows with `h = sqrt(P H / W)` rounded, so that blocks
/// have about the shape of the frame. Where P is no multiple of h some rows are cut into a block more than others.
///
/// Shapes: `[T, H, W, D]` to `count` rows, but never fewer than T. Anchors: the middle of a block. Cost: O(T N D).
///
/// Where grids are preserved h and the width are those of the ``FrameGrid``, so that its blocks are the tokens.
///
/// With `asPublished` the grid is the largest square within the budget, as the paper's 8 x 8, 12 x 12 and 16 x 16 are.
struct AdaptivePoolMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "adaptive-pool", kind: .merge, summary: "Averages every frame down to a coarser grid.",
        source: "TokenFLEX, arXiv 2504.03154", cost: "O(T N D)", overlaps: true)

    init(_ values: ParameterValues) {}

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let shape = input.grid.shape
        try input.checkCancellation()
        let frames = (0..<shape.frames).flatMap { frame -> [ReductionPlan.Row] in
            let share = Apportionment.evenShare(of: count, group: frame, groups: shape.frames)
            let widths =
                input.frameGrid.map { Array(repeating: $0.columns, count: $0.rows) }
                ?? (input.asPublished ? Self.square(within: share, shape) : Self.widths(of: share, shape))
            return widths.enumerated().flatMap { i, width -> [ReductionPlan.Row] in
                let rows = Self.block(i, of: widths.count, over: shape.rows)
                let row = Self.middle(i, of: widths.count, over: shape.rows)
                return (0..<width).map { j in
                    let columns = Self.block(j, of: width, over: shape.columns)
                    let column = Self.middle(j, of: width, over: shape.columns)
                    func token(_ row: Int, _ column: Int) -> Int {
                        (frame * shape.rows + row) * shape.columns + column
                    }
                    return .init(
                        anchor: token(row, column), averaging: rows.flatMap { row in columns.map { token(row, $0) } })
                }
            }
        }
        return ReductionPlan(sourceCount: shape.tokenCount, rows: frames)
    }

    /// How many blocks stand in each row of a frame of `tokens` blocks.
    private static func widths(of tokens: Int, _ shape: GridShape) -> [Int] {
        let tokens = max(tokens, 1)
        let side = (Double(tokens) * Double(shape.rows) / Double(shape.columns)).squareRoot()
        let least = (tokens + shape.columns - 1) / shape.columns
        let height = min(max(Int(side.rounded()), least), shape.rows, tokens)
        return (0..<height).map { Apportionment.evenShare(of: tokens, group: $0, groups: height) }
    }

    private static func square(within tokens: Int, _ shape: GridShape) -> [Int] {
        let side = min(max(Int(Double(tokens).squareRoot()), 1), shape.rows, shape.columns)
        return Array(repeating: side, count: side)
    }

    private static func block(_ index: Int, of parts: Int, over length: Int) -> Range<Int> {
        index * length / parts..<((index + 1) * length + parts - 1) / parts
    }

    /// Where the middle of a block lies; distinct for distinct blocks, as there are no more blocks than places.
    private static func middle(_ index: Int, of parts: Int, over length: Int) -> Int {
        (2 * index + 1) * length / (2 * parts)
    }
}
