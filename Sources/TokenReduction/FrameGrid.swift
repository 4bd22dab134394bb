public import TokenCore

/// A grid of tokens that every frame is left with, for programs that count the tokens of a video by a grid.
///
/// A Qwen-VL model in vLLM expects `frames x rows x columns` tokens of an embedded video and numbers their positions
/// from those three. A method that pools can leave just such a grid; what other methods keep is evened out among the
/// frames, and its places in the grid are then not its places in the picture.
public struct FrameGrid: Sendable, Equatable {
    /// Token rows left of a frame.
    public let rows: Int
    /// Token columns left of a frame.
    public let columns: Int

    /// Tokens left of a frame.
    public var tokens: Int { rows * columns }

    /// The largest grid that fits into a frame's share of a budget.
    ///
    /// A frame's share of a ratio is rounded down, whatever the number of frames: so all frames together never exceed
    /// what the ratio gives them, and a stream's segments have the grids of the whole video. No side is longer than the
    /// frame's, and none stretched to more than twice what the frame's shape gives it, unless there is no room for
    /// better; of equal areas the one shaped most like the frame is taken.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` if the budget has no token for every frame.
    public init(within budget: TokenBudget, of shape: GridShape) throws(TokenReelError) {
        var share = try budget.count(frames: 1, tokensPerFrame: shape.tokensPerFrame)
        var found = "\(share) tokens for a frame"
        switch budget {
        case .perFrame: break
        case .tokens(let count):
            share = min(share, count / max(shape.frames, 1))
            found = "\(count) tokens for \(shape.frames) frames"
        case .ratio(let ratio):
            // A whole number that the product of two doubles just misses is meant all the same.
            let exact = ratio * Double(shape.tokensPerFrame)
            if Double(share) > exact * (1 + 1e-12) { share -= 1 }
            found = "\(ratio) of \(shape.tokensPerFrame) tokens for a frame"
        }
        guard share >= 1 else {
            throw TokenReelError(
                .invalidArgument, subject: "budget", found: found,
                allowed: "a token for every frame to preserve the grid",
                remedy: "keep more with --tokens, or leave out --grid-preserving")
        }
        // The lower the better; the stretch is 1 for the shape of the frame.
        func rank(_ rows: Int, _ columns: Int) -> (Double, Int, Double) {
            let ratio = Double(rows * shape.columns) / Double(columns * shape.rows)
            let stretch = max(ratio, 1 / ratio)
            return (max(stretch, 2), -rows * columns, stretch)
        }
        let sides = (1...min(shape.rows, share)).map { ($0, min(shape.columns, share / $0)) }
        (rows, columns) = sides.min { rank($0.0, $0.1) < rank($1.0, $1.1) } ?? (1, 1)
    }

    /// Whether every frame's tokens lie as the grid has them: the same rows and columns of cells in all frames.
    public func isPlaced(_ plan: ReductionPlan, in shape: GridShape) -> Bool {
        let cells = plan.anchors.prefix(tokens).map { Int($0) % shape.tokensPerFrame }
        let lattice = cells.indices.allSatisfy { index in
            let (row, column) = index.quotientAndRemainder(dividingBy: columns)
            return cells[index] / shape.columns == cells[row * columns] / shape.columns
                && cells[index] % shape.columns == cells[column] % shape.columns
        }
        return lattice
            && plan.anchors.indices.allSatisfy {
                Int(plan.anchors[$0]) == $0 / tokens * shape.tokensPerFrame + cells[$0 % tokens]
            }
    }
}

extension FrameGrid {
    /// How a plan came to fit the grid, in a sentence.
    func notice(about plan: ReductionPlan, in shape: GridShape) -> String {
        let grid = "Every frame keeps \(rows) x \(columns) tokens"
        return isPlaced(plan, in: shape)
            ? "\(grid), which lie in the picture as in that grid."
            : "\(grid), chosen within the frame: their places in that grid are not their places in the picture."
    }
}
