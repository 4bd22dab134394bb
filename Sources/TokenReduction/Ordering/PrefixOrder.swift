internal import TensorOps
public import TokenCore

/// Orders output tokens so that any prefix stands for the whole video as well as a greedy choice can.
///
/// Source: One-D-Piece (arXiv 2501.10064) and FlexTok (arXiv 2502.13967) train tokens whose prefixes suffice. Without
/// training the same contract is met by greedy facility location: each next token is the one that raises
/// `coverage(S) = mean over source tokens x of max over s in S of cos(x, s)` the most. Coverage of prefixes never falls,
/// gains never grow, and every prefix reaches at least 1 - 1/e of the best choice of its length, counted from cosine -1
/// (Nemhauser, Wolsey & Fisher, 1978). Of equals the token that is read first.
///
/// Gains never grow, so few need computing anew (``GainHeap``).
/// Shapes: K outputs against M sources, all or an even sample so that the `[K, M]` cosines fit memory.
/// Cost: O(K M D) for the cosines, O(K M) for a few passes over them.
public struct PrefixOrder: Sendable {
    /// `[K]`: the rows of the plan, the best summary of one token first.
    public let rows: [Int]
    /// `[K]`: coverage of the prefix of each length, from one token up.
    public let coverage: [Double]

    /// Cosines held at a time, and multiplications spent on them.
    private static let largestTable = 1 << 26
    private static let largestProduct = 2e10

    /// Orders the rows of a plan.
    ///
    /// - Precondition: `plan.sourceCount == grid.shape.tokenCount`.
    public init(of plan: ReductionPlan, on grid: TokenGrid, workers: Int) {
        precondition(plan.sourceCount == grid.shape.tokenCount, "the plan must be of this grid")
        let channels = grid.shape.channels
        let count = plan.count
        guard count > 0 else { (rows, coverage) = ([], []); return }
        let affordable = max(1, min(Self.largestTable, Int(Self.largestProduct) / channels) / count)
        let step = (plan.sourceCount + affordable - 1) / affordable
        let measured = Array(stride(from: 0, to: plan.sourceCount, by: step))
        let sources = Rows.normalized(grid.values.gathering(measured, channels: channels), channels: channels)
        let outputs = Rows.normalized(
            plan.applied(to: grid.values, channels: channels), channels: channels, workers: workers)
        let blocks = Rows.blocks(of: count, size: 64).mapParallel(workers: workers) { block in
            outputs.withRows(block, channels: channels) { outputs in
                sources.withUnsafeBufferPointer { sources in
                    Matrix.products(outputs, rows: block.count, sources, rows: measured.count, channels: channels)
                }
            }
        }
        let cosines = TensorBuffer<Float>(count: count * measured.count) { table in
            for (block, values) in zip(Rows.blocks(of: count, size: 64), blocks) {
                _ = UnsafeMutableBufferPointer(rebasing: table[(block.lowerBound * measured.count)...])
                    .update(fromContentsOf: values)
            }
        }
        (rows, coverage) = Self.greedy(cosines, outputs: count, sources: measured.count)
    }

    private static func greedy(
        _ cosines: TensorBuffer<Float>, outputs: Int, sources: Int
    ) -> (rows: [Int], coverage: [Double]) {
        var best = [Float](repeating: -1, count: sources)
        var bounds = GainHeap(
            (0..<outputs).map { row in
                cosines.withRows(row..<row + 1, channels: sources) { gain(of: $0, over: best) }
            })
        var rows: [Int] = []
        var coverage: [Double] = []
        while let row = bounds.popMaximum(recomputing: { row in
            cosines.withRows(row..<row + 1, channels: sources) { gain(of: $0, over: best) }
        }) {
            rows.append(row)
            cosines.withRows(row..<row + 1, channels: sources) { row in
                for source in 0..<sources { best[source] = max(best[source], row[source]) }
            }
            // Rounding may push the cosine of equal tokens past 1.
            coverage.append(best.reduce(0.0) { $0 + Double(min($1, 1)) } / Double(sources))
        }
        return (rows, coverage)
    }

    /// The sum of what each source gains, in eight running sums: every term falls as `best` rises, so the sum does too.
    private static func gain(of row: UnsafeBufferPointer<Float>, over best: [Float]) -> Float {
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
