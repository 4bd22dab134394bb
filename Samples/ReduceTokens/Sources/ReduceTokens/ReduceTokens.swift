import TokenReduction

/// Reduces tokens that were made elsewhere, without video: a still background over which something moves.
@main struct ReduceTokens {
    static func main() throws {
        // [frames, rows, columns, channels], as a vision tower would give them.
        let shape = try GridShape(frames: 32, rows: 14, columns: 14, channels: 64)
        let grid = try TokenGrid(
            shape: shape, values: TensorBuffer(scene(shape)), frameTimes: (0..<shape.frames).map(Double.init))

        var request = ReductionRequest(budget: .ratio(0.1))
        request.workers = 4
        let reduction = try RecipeRegistry.recipe(named: "tokenreel").reduce(grid, request)
        let quality = ReductionQuality.measure(reduction.plan, on: grid, workers: 4)
        print("\(shape.tokenCount) tokens -> \(reduction.plan.count), coverage \(quality.coverage)")

        // The plan is a sparse matrix: what it did to the tokens it does to anything parallel to them.
        let tokens = reduction.plan.applied(to: grid.values, channels: shape.channels)
        let times = reduction.plan.applied(to: (0..<shape.tokenCount).map { Float($0 / shape.tokensPerFrame) })
        print(
            "\(tokens.count / shape.channels) x \(shape.channels) numbers, at mean times \(times[0]) to \(times.max() ?? 0) s"
        )
        let largest = reduction.plan.sizes.max() ?? 0
        print("one token stands for \(largest) of the background")
    }

    /// A pattern that differs from cell to cell, and one cell of another that goes along the rows.
    private static func scene(_ shape: GridShape) -> [Float] {
        (0..<shape.elementCount).map { index in
            let (token, channel) = index.quotientAndRemainder(dividingBy: shape.channels)
            let (frame, cell) = token.quotientAndRemainder(dividingBy: shape.tokensPerFrame)
            return cell == frame * 5 ? Float(channel % 7) : Float((cell * 31 + channel * channel) % 11)
        }
    }
}
