internal import TensorOps
package import TokenCore

/// Tokens by question (QuoTA): every frame gets as many tokens as it matters, and is brought to that number.
///
/// Source: QuoTA (Luo et al., arXiv 2503.08689), section 3.2. With p the probability that a frame holds what is asked
/// for, its weight is p^2, and it gets `count * weight / sum` tokens, never more than it has. Five reducers: `v1`
/// resizes the frame bilinearly, `v2` averages blocks of it, `v3` picks tokens at equal distances, `v4` merges by
/// ToMe until the number is reached, `v5` by ToMe along rows, then along columns.
///
/// The reference asks a vision-language model for p; here it is the logistic function of how far the frame's most
/// relevant token lies above the mean of all frames'. Budgets are exact by water-filling; what the sides of `v1`,
/// `v2` and `v5` can't use is left to the reconciling step. With `asPublished` they follow the reference: one pass that
/// redistributes what is above the cap, truncation, frames of no token dropped, sizes forgotten between rounds. Its
/// `v1` has no cap and may enlarge a frame; here a row of the plan needs a place of its own, so no side grows.
///
/// Shapes: `[T, N, D]` to about `count` rows. Cost: O(N M D) to score M query vectors, O(N^2 D) a frame for v4.
package struct QueryBudgetMerger: TokenMerger {
    package static let descriptor = StageDescriptor(
        name: "query-budget", kind: .merge,
        summary:
            "Gives frames tokens by their relevance to the query and resizes, pools, picks or merges to that number.",
        source: "QuoTA, arXiv 2503.08689, section 3.2",
        parameters: [
            .choice(
                "reducer", among: ["v1", "v2", "v3", "v4", "v5"],
                "v1 resizes, v2 pools, v3 picks evenly, v4 merges, v5 merges along rows and columns."),
            .real("temperature", 0.1, in: 0.001...10, "Smaller sets relevant frames further apart from others."),
            .whole("sharpness", 2, in: 1...8, "Power of the probability that makes a frame's weight."),
        ],
        needs: [.query], cost: "O(T N M D + T N^2 D) for M query vectors", overlaps: true)

    private enum Reducer: CaseIterable { case resize, pool, pick, merge, mergeAlongAxes }

    private let reducer: Reducer
    private let temperature: Float
    private let sharpness: Int

    package init(_ values: ParameterValues) {
        reducer = values.choice("reducer", as: Reducer.self)
        temperature = Float(values.real("temperature"))
        sharpness = values.whole("sharpness")
    }

    package func plan(
        for input: ReductionInput, segments: [Segment], count: Int
    ) throws(TokenReelError) -> ReductionPlan {
        try plan(for: input, frameWeights: frameWeights(input), count: count)
    }

    /// The plan for weights of frames that were found elsewhere.
    package func plan(
        for input: ReductionInput, frameWeights: [Double], count: Int
    ) throws(TokenReelError) -> ReductionPlan {
        let cells = input.grid.shape.tokensPerFrame
        let shares =
            input.asPublished
            ? publishedShares(count, among: frameWeights, capacity: cells)
            : Apportionment.share(count, among: frameWeights, capacities: frameWeights.map { _ in cells })
        let plans = try Parallel.map(count: shares.count, workers: input.workers) {
            frame throws(TokenReelError) -> ReductionPlan in
            try input.checkCancellation()
            return try self.plan(for: frame, count: shares[frame], input)
        }
        return ReductionPlan(concatenating: plans, sourceCount: input.grid.shape.tokenCount)
    }

    // MARK: How many tokens each frame gets

    private func frameWeights(_ input: ReductionInput) -> [Double] {
        let relevance = input.frameRelevance() ?? Array(repeating: 0, count: input.grid.shape.frames)
        let mean = relevance.reduce(0, +) / Float(max(relevance.count, 1))
        return relevance.map { relevance in
            let probability = 1 / (1 + Double(Elementary.exp((mean - relevance) / temperature)))
            return (0..<sharpness).reduce(1) { power, _ in power * probability }
        }
    }

    private func publishedShares(_ count: Int, among weights: [Double], capacity: Int) -> [Int] {
        let sum = weights.reduce(0, +)
        var shares = weights.map { $0 / sum }
        let cap = Double(capacity) / Double(count)
        if reducer != .resize, shares.contains(where: { $0 > cap }) {
            let capped = shares.map { min($0, cap) }
            let left = capped.reduce(0, +)
            shares = capped.map { min($0 + $0 / left * (1 - left), cap) }
        }
        return shares.map { min(Int(Double(count) * $0), capacity) }
    }

    // MARK: One frame's tokens

    private func plan(
        for frame: Int, count: Int, _ input: ReductionInput
    ) throws(TokenReelError) -> ReductionPlan {
        let shape = input.grid.shape
        let cells = shape.tokensPerFrame
        let start = frame * cells
        guard count > 0 else { return ReductionPlan(sourceCount: shape.tokenCount, keeping: []) }
        let sides = Self.sides(of: count, in: shape)
        switch reducer {
        case .resize, .pool:
            let axis = reducer == .resize ? Self.bilinear : Self.pooling
            let rows = axis(shape.rows, sides.rows)
            let columns = axis(shape.columns, sides.columns)
            return ReductionPlan(
                sourceCount: shape.tokenCount,
                rows: rows.flatMap { row in
                    columns.map { column in Self.product(row, column, start: start, width: shape.columns) }
                })
        case .pick:
            let picked = (0..<count).map { start + $0 * (cells - 1) / max(count - 1, 1) }
            return ReductionPlan(sourceCount: shape.tokenCount, keeping: picked)
        case .merge:
            var sequence = MergeSequence(start..<start + cells, of: input)
            try sequence.reduce(to: count, rule(input))
            return sequence.plan
        case .mergeAlongAxes:
            var rows: [ReductionPlan] = []
            for row in 0..<shape.rows {
                let first = start + row * shape.columns
                var sequence = MergeSequence(first..<first + shape.columns, of: input)
                try sequence.reduce(to: sides.columns, rule(input))
                rows.append(sequence.plan)
            }
            var columns: [ReductionPlan] = []
            for column in 0..<sides.columns {
                var sequence = MergeSequence(
                    ReductionPlan(sourceCount: shape.tokenCount, rows: rows.map { $0.row(column) }), of: input)
                try sequence.reduce(to: sides.rows, rule(input))
                columns.append(sequence.plan)
            }
            return ReductionPlan(
                sourceCount: shape.tokenCount,
                rows: (0..<sides.rows).flatMap { row in columns.map { $0.row(row) } })
        }
    }

    private func rule(_ input: ReductionInput) -> MergeRule {
        MergeRule(weighting: input.asPublished ? .plain : .size)
    }

    /// Nearly equal sides whose product is at most `count`; a side that is at its end leaves room for the other.
    private static func sides(of count: Int, in shape: GridShape) -> (rows: Int, columns: Int) {
        let side = Int(Double(count).squareRoot())
        var rows = (side + 1) * side <= count ? side + 1 : side
        var columns = side
        if columns > shape.columns { rows = count / shape.columns }
        if rows > shape.rows { columns = count / shape.rows }
        return (min(rows, shape.rows), min(columns, shape.columns))
    }

    /// What one position along an axis reads, and the input that lies at its centre.
    private struct Taps {
        let centre: Int
        let inputs: [Int]
        let weights: [Float]
    }

    /// Bilinear taps without antialiasing, with pixels as areas.
    private static func bilinear(_ size: Int, _ newSize: Int) -> [Taps] {
        (0..<newSize).map { position in
            let place = max((Float(position) + 0.5) * Float(size) / Float(newSize) - 0.5, 0)
            let low = min(Int(place), size - 1)
            let share = low + 1 < size ? place - Float(low) : 0
            let centre = (2 * position + 1) * size / (2 * newSize)
            guard share > 0 else { return Taps(centre: centre, inputs: [low], weights: [1]) }
            return Taps(centre: centre, inputs: [low, low + 1], weights: [1 - share, share])
        }
    }

    /// Means of blocks that cover the axis and overlap where it can't be divided evenly.
    private static func pooling(_ size: Int, _ newSize: Int) -> [Taps] {
        (0..<newSize).map { position in
            let inputs = Array(position * size / newSize..<((position + 1) * size + newSize - 1) / newSize)
            return Taps(
                centre: (2 * position + 1) * size / (2 * newSize), inputs: inputs,
                weights: inputs.map { _ in 1 / Float(inputs.count) })
        }
    }

    private static func product(_ row: Taps, _ column: Taps, start: Int, width: Int) -> ReductionPlan.Row {
        ReductionPlan.Row(
            anchor: start + row.centre * width + column.centre,
            sources: row.inputs.flatMap { y in column.inputs.map { x in start + y * width + x } },
            weights: row.weights.flatMap { y in column.weights.map { x in y * x } })
    }
}

extension ReductionInput {
    /// How well the most relevant token of each frame answers the question; nil if there is none.
    func frameRelevance() -> [Float]? {
        let cells = grid.shape.tokensPerFrame
        return relevance(of: .identity(grid.shape.tokenCount), values: grid.values).map { relevance in
            (0..<grid.shape.frames).map { frame in
                relevance[frame * cells..<(frame + 1) * cells].reduce(-Float.infinity) { max($0, $1) }
            }
        }
    }
}
