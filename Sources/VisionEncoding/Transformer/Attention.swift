internal import TensorOps

/// Statistics of one layer's attention, gathered while it runs so that no whole map is kept.
struct AttentionRecord {
    /// The layer that is watched, counted from 0.
    let layer: Int
    /// `[n]`: the attention that each token receives, averaged over heads, then over the tokens that attend.
    var received: [Float] = []
    /// `[n]`: the attention that the first token pays to each, averaged over heads.
    var first: [Float] = []
    /// `[n, headWidth]`: each token's key, averaged over heads.
    var keyMeans: [Float] = []
    /// `[n]`: the length of each token's value, averaged over heads.
    var valueNorms: [Float] = []

    init(layer: Int) { self.layer = layer }
}

/// Softmax attention of every head over the queries, keys and values of a workspace.
///
///     context_h = softmax(q_h k_h^T) v_h,    q scaled by 1 / sqrt(headWidth) already
struct Attention {
    let heads: Int
    let isCausal: Bool
    let precision: Precision

    func run(_ workspace: Workspace, tokens: Int, record: inout AttentionRecord?) {
        let width = workspace.states(tokens).columns
        let headWidth = width / heads
        if record != nil {
            record?.received = [Float](repeating: 0, count: tokens)
            record?.first = [Float](repeating: 0, count: tokens)
        }
        for head in 0..<heads {
            let columns = head * headWidth..<(head + 1) * headWidth
            let products = HeadProducts(workspace, tokens: tokens, columns: columns, precision)
            for rows in Rows.blocks(of: tokens, size: Workspace.queryBlock) {
                let scores = workspace.scores(rows.count, tokens)
                products.score(workspace.queries(tokens).part(rows: rows, columns: columns).readOnly, into: scores)
                RowPass.softmax(scores, causalFrom: isCausal ? rows.lowerBound : nil)
                products.gather(
                    scores.readOnly, into: workspace.context(tokens).part(rows: rows, columns: columns))
                if record != nil { note(scores.readOnly, from: rows.lowerBound, in: &record) }
            }
        }
        guard record != nil else { return }
        record?.received.scale(by: 1 / Float(heads * tokens))
        record?.first.scale(by: 1 / Float(heads))
        record?.keyMeans = meanKeys(workspace, tokens: tokens)
        record?.valueNorms = meanValueNorms(workspace, tokens: tokens)
    }

    private func note(_ scores: MatrixView, from row: Int, in record: inout AttentionRecord?) {
        record?.received.withUnsafeMutableBufferPointer { sums in
            if let base = sums.baseAddress { RowPass.addColumnSums(of: scores, to: base) }
        }
        guard row == 0 else { return }
        record?.first.withUnsafeMutableBufferPointer { sums in
            guard let base = sums.baseAddress else { return }
            RowPass.addColumnSums(of: MatrixView(scores.base, rows: 1, columns: scores.columns), to: base)
        }
    }

    private func meanKeys(_ workspace: Workspace, tokens: Int) -> [Float] {
        let keys = workspace.keys(tokens)
        let headWidth = keys.columns / heads
        var means = [Float](repeating: 0, count: tokens * headWidth)
        for token in 0..<tokens {
            for column in 0..<keys.columns {
                means[token * headWidth + column % headWidth] += keys.base[token * keys.stride + column]
            }
        }
        means.scale(by: 1 / Float(heads))
        return means
    }

    private func meanValueNorms(_ workspace: Workspace, tokens: Int) -> [Float] {
        let values = workspace.values(tokens)
        let headWidth = values.columns / heads
        return (0..<tokens).map { token in
            var sum: Float = 0
            for head in 0..<heads {
                let value = UnsafeBufferPointer(
                    start: values.base + token * values.stride + head * headWidth, count: headWidth)
                sum += Rows.dot(value, value).squareRoot()
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

    init(_ workspace: Workspace, tokens: Int, columns: Range<Int>, _ precision: Precision) {
        self.workspace = workspace
        self.precision = precision
        keys = workspace.keys(tokens).part(columns: columns).readOnly
        values = workspace.values(tokens).part(columns: columns).readOnly
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
    /// Multiplies every element.
    mutating func scale(by factor: Float) {
        for index in indices { self[index] *= factor }
    }
}
