internal import TensorOps
internal import TokenCore

/// SigLIP's pooling head: a learnt probe attends to the tokens, and a feed-forward layer follows.
///
///     a = out(attention(q(probe), k(x), v(x)))
///     head(x) = a + fc2(activation(fc1(norm(a))))
///
/// `x` has gone through the final norm. The result lies in the space that text embeddings share; there is no further
/// projection. Source: Zhai et al. 2023 with the pooling of Lee et al. 2019.
struct AttentionPoolingHead: Sendable {
    private let configuration: TowerConfiguration
    /// The probe's query, scaled; the same for every frame.
    private let query: TensorBuffer<Float>
    private let key: Linear
    private let value: Linear
    private let output: Linear
    private let norm: Norm
    private let expand: Linear
    private let contract: Linear

    init(_ folder: CheckpointFolder, _ prefix: String, _ configuration: TowerConfiguration) throws(TokenReelError) {
        self.configuration = configuration
        let (width, inner) = (configuration.width, configuration.innerWidth)
        let weight = try folder.weights("\(prefix)head.attention.in_proj_weight", shape: [3 * width, width])
        let bias = try folder.weights("\(prefix)head.attention.in_proj_bias", shape: [3 * width])
        let toQuery = Linear(weight: weight, bias: bias, width, width)
        key = Linear(weight: weight, bias: bias, firstRow: width, width, width)
        value = Linear(weight: weight, bias: bias, firstRow: 2 * width, width, width)
        output = try Linear(folder, "\(prefix)head.attention.out_proj", width, width)
        norm = try Norm(folder, "\(prefix)head.layernorm", configuration)
        expand = try Linear(folder, "\(prefix)head.mlp.fc1", width, inner)
        contract = try Linear(folder, "\(prefix)head.mlp.fc2", inner, width)
        let probe = try folder.weights("\(prefix)head.probe", shape: [1, 1, width])
        let scale = 1 / Float(configuration.headWidth).squareRoot()
        query = TensorBuffer(count: width) { query in
            probe.withUnsafeBufferPointer { probe in
                guard let query = query.baseAddress, let probe = probe.baseAddress else { return }
                toQuery.apply(
                    MatrixView(probe, rows: 1, columns: width), scale: scale,
                    into: MutableMatrixView(query, rows: 1, columns: width))
            }
        }
    }

    /// Pools a frame's tokens, which may lie in the workspace's normed plane; other planes but the states are used.
    ///
    /// - Returns: The embedding `[width]`, and the probe's attention to each token, averaged over heads.
    func pool(_ tokens: MatrixView, _ workspace: Workspace) -> (embedding: [Float], attention: [Float]) {
        key.apply(tokens, into: workspace.keys(tokens.rows))
        value.apply(tokens, into: workspace.values(tokens.rows))
        var attention = [Float](repeating: 0, count: tokens.rows)
        let context = workspace.context(1)
        for head in 0..<configuration.heads {
            let columns = head * configuration.headWidth..<(head + 1) * configuration.headWidth
            let scores = workspace.scores(1, tokens.rows)
            query.withUnsafeBufferPointer { query in
                guard let base = query.baseAddress else { return }
                Matrix.multiply(
                    MatrixView(base + columns.lowerBound, rows: 1, columns: columns.count),
                    transposed: workspace.keys(tokens.rows).part(columns: columns).readOnly, into: scores)
            }
            RowPass.softmax(scores)
            Matrix.multiply(
                scores.readOnly, workspace.values(tokens.rows).part(columns: columns).readOnly,
                into: context.part(columns: columns))
            for token in 0..<tokens.rows { attention[token] += scores.base[token] }
        }
        let pooled = workspace.queries(1)
        finish(context.readOnly, into: pooled, normed: context, workspace)
        return (
            Array(UnsafeBufferPointer(start: pooled.base, count: pooled.columns)),
            attention.map { $0 / Float(configuration.heads) }
        )
    }

    /// Brings each token into the space of ``pool(_:_:)`` on its own: what the head makes of a picture that consists of
    /// this token alone, where the probe has nothing else to attend to.
    ///
    /// The whole head, not just its value path, because the feed-forward layer is part of what text was trained against.
    func bring(_ tokens: MatrixView, into output: MutableMatrixView, _ workspace: Workspace) {
        let values = workspace.values(tokens.rows)
        value.apply(tokens, into: values)
        finish(values.readOnly, into: output, normed: workspace.context(tokens.rows), workspace)
    }

    private func finish(
        _ context: MatrixView, into pooled: MutableMatrixView, normed: MutableMatrixView, _ workspace: Workspace
    ) {
        output.apply(context, into: pooled)
        norm.apply(pooled.readOnly, into: normed)
        let inner = workspace.inner(pooled.rows, configuration.innerWidth)
        expand.apply(normed.readOnly, configuration.activation, into: inner)
        contract.add(inner.readOnly, to: pooled)
    }
}
