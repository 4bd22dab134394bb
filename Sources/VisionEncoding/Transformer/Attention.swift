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

    func run(_ workspace: Workspace, tokens: Int, watching: Set<AttentionStatistic>) -> AttentionStatistics {
        let headWidth = workspace.states(tokens).columns / heads
        // A row for each head, so that the order of sums does not depend on which head is done first.
        var received = [Float](repeating: 0, count: watching.contains(.received) ? heads * tokens : 0)
        var fromFirst = [Float](repeating: 0, count: watching.contains(.fromFirst) ? heads * tokens : 0)
        var (spans, isCausal) = ([0..<tokens], false)
        switch reach {
        case .all: break
        case .causal: isCausal = true
        case .spans(let parts): spans = parts
        }
        round(workspace, tokens: tokens)
        received.withUnsafeMutableBufferPointer { received in
            fromFirst.withUnsafeMutableBufferPointer { fromFirst in
                let (received, fromFirst) = (received.rows(of: tokens), fromFirst.rows(of: tokens))
                workspace.forEach(Array(0..<heads)) { head, scratch in
                    let columns = head * headWidth..<(head + 1) * headWidth
                    for span in spans {
                        let products = HeadProducts(workspace, tokens: tokens, columns: columns, span: span)
                        for block in Rows.blocks(of: span.count, size: Workspace.queryBlock) {
                            let rows = span.lowerBound + block.lowerBound..<span.lowerBound + block.upperBound
                            let scores = scratch.scores(rows.count, span.count)
                            products.score(rows, into: scores)
                            RowPass.softmax(scores, causalFrom: isCausal ? block.lowerBound : nil)
                            products.gather(
                                scores.readOnly, into: workspace.context(tokens).part(rows: rows, columns: columns),
                                scratch)
                            if let received = received?(head) {
                                RowPass.addColumnSums(of: scores.readOnly, to: received + span.lowerBound)
                            }
                            if let fromFirst = fromFirst?(head), rows.lowerBound == 0 {
                                RowPass.addColumnSums(
                                    of: MatrixView(scores.base, rows: 1, columns: span.count), to: fromFirst)
                            }
                        }
                    }
                }
            }
        }
        var found: AttentionStatistics = [:]
        for statistic in watching {
            switch statistic {
            case .received:
                var means = meanOverHeads(received, tokens)
                for span in spans { for token in span { means[token] /= Float(span.count) } }
                found[statistic] = means
            case .fromFirst: found[statistic] = meanOverHeads(fromFirst, tokens)
            case .valueOfFirst: found[statistic] = likenessToFirst(workspace, tokens: tokens)
            case .valueNorm: found[statistic] = valueNorms(workspace, tokens: tokens)
            }
        }
        return found
    }

    /// Rounds queries, keys and values where attention runs in bf16.
    private func round(_ workspace: Workspace, tokens: Int) {
        let planes = [
            (Workspace.Rounded.queries, workspace.queries(tokens)), (.keys, workspace.keys(tokens)),
            (.values, workspace.values(tokens)),
        ]
        for (name, plane) in planes {
            guard let rounded = workspace.rounded(name, tokens) else { return }
            workspace.forEach(Rows.blocks(of: tokens, size: Workspace.rowsPerPass)) { block, _ in
                Matrix.round(plane.part(rows: block).readOnly, into: rounded.part(rows: block))
            }
        }
    }

    /// `[tokens]` of `[heads, tokens]`.
    private func meanOverHeads(_ rows: [Float], _ tokens: Int) -> [Float] {
        (0..<tokens).map { token in
            (0..<heads).reduce(Float(0)) { $0 + rows[$1 * tokens + token] } / Float(heads)
        }
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
            RowPass.addColumnSums(of: scores.readOnly, to: &sums)
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

/// The two products of one head: with its keys, and with its values.
private enum HeadProducts {
    case single(queries: MutableMatrixView, keys: MatrixView, values: MatrixView)
    case rounded(queries: MutableRoundedView, keys: RoundedView, values: RoundedView)

    /// Where attention runs in bf16, queries, keys and values must have been rounded.
    init(_ workspace: Workspace, tokens: Int, columns: Range<Int>, span: Range<Int>) {
        if let queries = workspace.rounded(.queries, tokens), let keys = workspace.rounded(.keys, tokens),
            let values = workspace.rounded(.values, tokens)
        {
            self = .rounded(
                queries: queries.part(columns: columns), keys: keys.part(rows: span, columns: columns).readOnly,
                values: values.part(rows: span, columns: columns).readOnly)
        } else {
            self = .single(
                queries: workspace.queries(tokens).part(columns: columns),
                keys: workspace.keys(tokens).part(rows: span, columns: columns).readOnly,
                values: workspace.values(tokens).part(rows: span, columns: columns).readOnly)
        }
    }

    /// `scores = queries * keys^T` for some rows of queries.
    func score(_ rows: Range<Int>, into scores: MutableMatrixView) {
        switch self {
        case .single(let queries, let keys, _):
            Matrix.multiply(queries.part(rows: rows).readOnly, transposed: keys, into: scores)
        case .rounded(let queries, let keys, _):
            Matrix.multiply(queries.part(rows: rows).readOnly, transposed: keys, into: scores)
        }
    }

    /// `context = scores * values`.
    func gather(_ scores: MatrixView, into context: MutableMatrixView, _ scratch: Scratch) {
        switch self {
        case .single(_, _, let values): Matrix.multiply(scores, values, into: context)
        case .rounded(_, _, let values):
            let rounded = MutableRoundedView(scratch.rounded, rows: scores.rows, columns: scores.columns)
            Matrix.round(scores, into: rounded)
            Matrix.multiply(rounded.readOnly, values, into: context)
        }
    }
}

extension UnsafeMutableBufferPointer<Float> {
    /// Where each row of `count` numbers begins; nil if there are none.
    fileprivate func rows(of count: Int) -> ((Int) -> UnsafeMutablePointer<Float>)? {
        guard !isEmpty, let baseAddress else { return nil }
        return { baseAddress + $0 * count }
    }
}
