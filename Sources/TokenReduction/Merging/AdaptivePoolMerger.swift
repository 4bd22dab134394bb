internal import TensorOps
internal import TokenCore

/// Averages blocks of every frame so that a grid of h x w tokens is left.
///
/// Source: the adaptive average pooling of TokenFLEX (Hu et al., arXiv 2504.03154). Output row i of h is the mean of the
/// rows
///
///     floor(i H / h) ..< ceil((i + 1) H / h)
///
/// and columns likewise, so blocks share a row where h does not divide H. The grid is the largest of about the frame's
/// shape that fits the budget: with P tokens a frame, `h = sqrt(P H / W)` rounded and `w = floor(P / h)`. The projector
/// that the paper trains for several grids is not part of this.
///
/// Shapes: `[T, H, W, D]` to `T h w <= count` rows, but never fewer than T. Anchors: the middle of a block.
/// Cost: O(T N D).
///
/// With `asPublished` the grid is a square, as the paper's 8 x 8, 12 x 12 and 16 x 16 are.
struct AdaptivePoolMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "adaptive-pool", kind: .merge, summary: "Averages every frame down to a coarser grid.",
        source: "TokenFLEX, arXiv 2504.03154", cost: "O(T N D)", overlaps: true)

    init(_ values: ParameterValues) {}

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let shape = input.grid.shape
        try input.checkCancellation()
        let (height, width) = Self.grid(of: shape, tokens: count / shape.frames, isSquare: input.asPublished)
        let rows = (0..<shape.frames).flatMap { frame -> [ReductionPlan.Row] in
            (0..<height).flatMap { i -> [ReductionPlan.Row] in
                let rows = Self.block(i, of: height, over: shape.rows)
                return (0..<width).map { j in
                    let columns = Self.block(j, of: width, over: shape.columns)
                    func token(_ row: Int, _ column: Int) -> Int {
                        (frame * shape.rows + row) * shape.columns + column
                    }
                    return .init(
                        anchor: token(
                            Self.middle(i, of: height, over: shape.rows), Self.middle(j, of: width, over: shape.columns)
                        ),
                        averaging: rows.flatMap { row in columns.map { token(row, $0) } })
                }
            }
        }
        return ReductionPlan(sourceCount: shape.tokenCount, rows: rows)
    }

    private static func grid(of shape: GridShape, tokens: Int, isSquare: Bool) -> (height: Int, width: Int) {
        let aspect = isSquare ? 1 : Double(shape.rows) / Double(shape.columns)
        let side = (Double(tokens) * aspect).squareRoot()
        let height = min(max(Int(isSquare ? side : side.rounded()), 1), shape.rows)
        let width = isSquare ? height : tokens / height
        return (height, min(max(width, 1), shape.columns))
    }

    private static func block(_ index: Int, of parts: Int, over length: Int) -> Range<Int> {
        index * length / parts..<((index + 1) * length + parts - 1) / parts
    }

    /// Where the middle of a block lies; distinct for distinct blocks, as there are no more blocks than places.
    private static func middle(_ index: Int, of parts: Int, over length: Int) -> Int {
        (2 * index + 1) * length / (2 * parts)
    }
}
