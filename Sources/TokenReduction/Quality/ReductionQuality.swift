internal import TensorOps
public import TokenCore

/// How well the output tokens stand for the source tokens, measured without an LLM.
public struct ReductionQuality: Sendable, Equatable {
    /// Mean over source tokens of the highest cosine to any output token, up to 1.
    public let coverage: Double
    /// The 5th percentile of the same: how well the worst represented tokens fare.
    public let coverageP05: Double
    /// Mean over source tokens of the cosine to the output token that owns them; dropped tokens count as 0.
    public let fidelity: Double
    /// Number of source tokens the figures were measured on: all of them, or an even sample of a long video.
    public let measuredTokens: Int

    /// Coverage divided by the number of output tokens: VQToken's token density with coverage for accuracy.
    public let density: Double

    /// Figures that nobody asked for: none is a number.
    package static let unmeasured = ReductionQuality(
        coverage: .nan, coverageP05: .nan, fidelity: .nan, measuredTokens: 0, density: .nan)

    /// Comparing every source with every output would grow with the square of the length; beyond this many
    /// multiplications an even sample of the sources is measured.
    private static let largestProduct = 2e10

    /// Measures a plan on the grid it was made from.
    ///
    /// O(T N K D) for K output tokens, bounded by sampling.
    ///
    /// - Parameter tokens: What the plan makes of the grid, where that has been computed already.
    /// - Precondition: `plan.sourceCount == grid.shape.tokenCount`.
    public static func measure(
        _ plan: ReductionPlan, on grid: TokenGrid, tokens: TensorBuffer<Float>? = nil, workers: Int
    ) -> ReductionQuality {
        precondition(plan.sourceCount == grid.shape.tokenCount, "the plan must be of this grid")
        let channels = grid.shape.channels
        guard plan.sourceCount > 0, plan.count > 0 else {
            return ReductionQuality(coverage: 0, coverageP05: 0, fidelity: 0, measuredTokens: 0, density: 0)
        }
        let outputs = Rows.normalized(
            tokens ?? plan.applied(to: grid.values, channels: channels), channels: channels, workers: workers)
        let affordable = largestProduct / (Double(plan.count) * Double(channels))
        let step = max(1, Int((Double(plan.sourceCount) / max(affordable, 1)).rounded(.up)))
        let measured = Array(stride(from: 0, to: plan.sourceCount, by: step))
        let owners = plan.owners
        let blocks = Rows.blocks(of: measured.count, size: 128).mapParallel(workers: workers) { block in
            Self.compare(Array(measured[block]), of: grid, with: outputs, owners)
        }
        let best = blocks.flatMap(\.best)
        let owned = blocks.flatMap(\.owned)
        let coverage = best.reduce(0.0) { $0 + Double($1) } / Double(best.count)
        return ReductionQuality(
            coverage: coverage, coverageP05: Double(best.sorted()[(best.count - 1) / 20]),
            fidelity: owned.reduce(0.0) { $0 + Double($1) } / Double(owned.count), measuredTokens: best.count,
            density: coverage / Double(plan.count))
    }

    private static func compare(
        _ sources: [Int], of grid: TokenGrid, with outputs: TensorBuffer<Float>, _ owners: [Int32]
    ) -> (best: [Float], owned: [Float]) {
        let channels = grid.shape.channels
        let count = outputs.count / channels
        let units = Rows.normalized(grid.values.gathering(sources, channels: channels), channels: channels)
        let products = units.withUnsafeBufferPointer { units in
            outputs.withUnsafeBufferPointer { outputs in
                Matrix.products(units, rows: sources.count, outputs, rows: count, channels: channels)
            }
        }
        return products.withUnsafeBufferPointer { products in
            var best: [Float] = []
            var owned: [Float] = []
            for (row, source) in sources.enumerated() {
                let line = UnsafeBufferPointer(rebasing: products[row * count..<(row + 1) * count])
                // Rounding may push the cosine of equal tokens past 1.
                best.append(min(line[Rows.indexOfMaximum(line)], 1))
                owned.append(owners[source] < 0 ? 0 : min(line[Int(owners[source])], 1))
            }
            return (best, owned)
        }
    }
}
