internal import TensorOps

/// What can be told of a layer's attention while it runs, so that no whole map is kept: a number for each token.
enum AttentionStatistic: Sendable {
    /// The attention that the token receives, averaged over heads, then over the tokens that can see it.
    case received
    /// The attention that the first token pays to it, averaged over heads.
    case fromFirst
    /// How alike its value is to the first token's: the softmax over all tokens of their dot product, averaged over heads.
    case valueOfFirst
    /// The sum of the magnitudes of its value, averaged over heads before.
    case valueNorm
}

/// The statistics of one layer, `[n]` each.
typealias AttentionStatistics = [AttentionStatistic: [Float]]

/// Which tokens a token attends to.
enum AttentionReach: Sendable {
    /// The whole sequence.
    case all
    /// Itself and those before it.
    case causal
    /// Its span, such as a window; spans follow one another and cover the sequence.
    case spans([Range<Int>])
}

/// Softmax attention of every head over the queries, keys and values of a workspace.
///
///     context_h = softmax(q_h k_h^T) v_h,    q scaled by 1 / sqrt(headWidth) already
struct Attention {
    let heads: Int
    let reach: AttentionReach
    let precision: Precision

    func run(_ workspace: Workspace, tokens: Int, watching: Set<AttentionStatistic>) -> AttentionStatistics {
        let width = workspace.states(tokens).columns
        let headWidth = width / heads
        var received = [Float](repeating: 0, count: watching.contains(.received) ? tokens : 0)
        var fromFirst = [Float](repeating: 0, count: watching.contains(.fromFirst) ? tokens : 0)
        var (spans, isCausal) = ([0..<tokens], false)
        switch reach {
        case .all: break
        case .causal: isCausal = true
        case .spans(let parts): spans = parts
        }
        for head in 0..<heads {
            let columns = head * headWidth..<(head + 1) * headWidth
            for span in spans {
                let products = HeadProducts(workspace, tokens: span, columns: columns, precision)
                for block in Rows.blocks(of: span.count, size: Workspace.queryBlock) {
                    let rows = span.lowerBound + block.lowerBound..<span.lowerBound + block.upperBound
                    let scores = workspace.scores(rows.count, span.count)
                    products.score(workspace.queries(tokens).part(rows: rows, columns: columns).readOnly, into: scores)
                    RowPass.softmax(scores, causalFrom: isCausal ? block.lowerBound : nil)
                    products.gather(
                        scores.readOnly, into: workspace.context(tokens).part(rows: rows, columns: columns))
                    received.addColumnSums(of: scores.readOnly, from: span.lowerBound)
                    if rows.lowerBound == 0 {
                        fromFirst.addColumnSums(of: MatrixView(scores.base, rows: 1, columns: span.count), from: 0)
                    }
                }
            }
        }
        for span in spans where !received.isEmpty {
            for token in span { received[token] /= Float(heads * span.count) }
        }
        var found: AttentionStatistics = [:]
        for statistic in watching {
            switch statistic {
            case .received: found[statistic] = received
            case .fromFirst: found[statistic] = fromFirst.map { $0 / Float(heads) }
            case .valueOfFirst: found[statistic] = likenessToFirst(workspace, tokens: tokens)
            case .valueNorm: found[statistic] = valueNorms(workspace, tokens: tokens)
            }
        }
        return found
    }

    private func likenessToFirst(_ workspace: Workspace, tokens: Int) -> [Float] {
        let values = workspace.values(tokens)
        let headWidth = values.columns / heads
        let scores = workspace.scores(1, tokens)
        var sums = [Float](repeating: 0, count: tokens)
        for head in 0..<heads {
            let columns = head * headWidth..<(head + 1) * headWidth
            let first = values.part(rows: 0..<1, columns: columns).readOnly
            Matrix.multiply(first, transposed: values.part(columns: columns).readOnly, into: scores)
            RowPass.softmax(scores)
            sums.addColumnSums(of: scores.readOnly, from: 0)
        }
        return sums.map { $0 / Float(heads) }
    }

    private func valueNorms(_ workspace: Workspace, tokens: Int) -> [Float] {
        let values = workspace.values(tokens)
        let headWidth = values.columns / heads
        return (0..<tokens).map { token in
            let value = UnsafeBufferPointer(start: values.base + token * values.stride, count: values.columns)
            let sum = (0..<headWidth).reduce(Float(0)) { sum, channel in
                sum + abs(stride(from: channel, to: values.columns, by: headWidth).reduce(Float(0)) { $0 + value[$1] })
            }
            return sum / Float(heads)
        }
    }
}

/// The two products of one head, with its keys and its values.
private struct HeadProducts {
    private let workspace: Workspace
    private let keys: MatrixView
    private let values: MatrixView
    private let precision: Precision

    init(_ workspace: Workspace, tokens: Range<Int>, columns: Range<Int>, _ precision: Precision) {
        self.workspace = workspace
        self.precision = precision
        keys = workspace.keys(tokens.upperBound).part(rows: tokens, columns: columns).readOnly
        values = workspace.values(tokens.upperBound).part(rows: tokens, columns: columns).readOnly
        if precision == .bf16 {
            BrainFloatMatrix.pack(keys, into: workspace.packedKeys)
            BrainFloatMatrix.pack(transposeOf: values, into: workspace.packedValues)
        }
    }

    /// `scores = queries * keys^T`.
    func score(_ queries: MatrixView, into scores: MutableMatrixView) {
        switch precision {
        case .f32: Matrix.multiply(queries, transposed: keys, into: scores)
        case .bf16:
            BrainFloatMatrix.multiply(
                queries, packed: workspace.packedKeys, into: scores, adding: false, workspace: workspace.rounded)
        }
    }

    /// `context = scores * values`.
    func gather(_ scores: MatrixView, into context: MutableMatrixView) {
        switch precision {
        case .f32: Matrix.multiply(scores, values, into: context)
        case .bf16:
            BrainFloatMatrix.multiply(
                scores, packed: workspace.packedValues, into: context, adding: false, workspace: workspace.rounded)
        }
    }
}

extension [Float] {
    /// Adds the sum of each column to the numbers from `first` on; an empty array stays so.
    fileprivate mutating func addColumnSums(of scores: MatrixView, from first: Int) {
        guard !isEmpty else { return }
        withUnsafeMutableBufferPointer { sums in
            if let base = sums.baseAddress { RowPass.addColumnSums(of: scores, to: base + first) }
        }
    }
}
