internal import TensorOps
public import TokenCore

/// The text half of CLIP or SigLIP: token ids to an embedding in the space that ``VisionTower`` can bring patches into.
public struct TextTower: Sendable {
    private let configuration: TowerConfiguration
    private let tokenEmbedding: TensorBuffer<Float>
    private let positions: TensorBuffer<Float>
    private let transformer: Transformer
    private let finalNorm: Norm
    private let projection: Linear
    private let workspaces: WorkspacePool

    /// Reads the text tower of a checkpoint.
    ///
    /// - Throws: ``TokenReelError/Code/unsupportedInput`` if the checkpoint has none, and what ``CheckpointFolder`` throws
    ///   for weights that are missing or broken.
    public init(_ folder: CheckpointFolder) throws(TokenReelError) {
        let landmark = "embeddings.token_embedding.weight"
        guard let configuration = folder.configuration.text, let found = try folder.prefix(of: landmark) else {
            throw TokenReelError(
                .unsupportedInput, subject: folder.path, found: "no text tower in a \(folder.modelType) checkpoint",
                allowed: "a CLIP or SigLIP checkpoint with both towers",
                remedy: "name one with --query-model, or give the query with --query-image or --query-embedding")
        }
        self.configuration = configuration
        let width = configuration.width
        tokenEmbedding = try folder.weights("\(found)\(landmark)", shape: [configuration.vocabulary, width])
        positions = try folder.weights(
            "\(found)embeddings.position_embedding.weight", shape: [configuration.contextLength, width])
        transformer = try Transformer(
            folder, found, configuration, layers: configuration.layers)
        finalNorm = try Norm(folder, "\(found)final_layer_norm", configuration)
        switch configuration.family {
        case .clip:
            let name = "text_projection.weight"
            guard let outer = try folder.prefix(of: name) else {
                throw folder.unsupported("no \(name)", "a CLIP checkpoint with both towers")
            }
            let outputs = try folder.shape(of: outer + name).first ?? 0
            projection = try Linear(withoutBias: folder, outer + name, width, outputs)
        case .siglip:
            let outputs = try folder.shape(of: "\(found)head.weight").first ?? 0
            projection = try Linear(folder, "\(found)head", width, outputs)
        }
        workspaces = WorkspacePool(
            WorkspaceShape(tokens: configuration.contextLength, width: width, inner: configuration.innerWidth))
    }

    /// Tokens of the longest text: 77 for CLIP, 64 for SigLIP.
    public var contextLength: Int { configuration.contextLength }

    /// Numbers of an embedding.
    public var channels: Int { projection.outputs }

    /// The embedding of a text, not normalised.
    ///
    /// - Parameter ids: 1 to ``contextLength`` tokens, start, end and padding included as the model was trained: SigLIP
    ///   reads its last position, so a text must be padded to ``contextLength``; CLIP reads its first end token.
    /// - Returns: `[channels]`.
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for too many tokens, none, unknown ones, or no end token.
    public func embedding(of ids: [Int32]) throws(TokenReelError) -> [Float] {
        guard 1...contextLength ~= ids.count else {
            throw TokenReelError(
                .invalidArgument, subject: "query text", found: "\(ids.count) tokens", allowed: "1 to \(contextLength)",
                remedy: "shorten the query")
        }
        if let unknown = ids.first(where: { !(0..<Int32(configuration.vocabulary) ~= $0) }) {
            throw TokenReelError(
                .invalidArgument, subject: "query text", found: "token \(unknown)",
                allowed: "0 to \(configuration.vocabulary - 1)", remedy: "use the tokenizer of the same checkpoint")
        }
        let position = try pooledPosition(ids)
        return workspaces.withWorkspace { workspace in
            let states = workspace.states(ids.count)
            embed(ids, into: states)
            transformer.run(
                workspace, tokens: ids.count, reach: { _ in configuration.family == .clip ? .causal : .all })
            let state = states.part(rows: position..<position + 1, columns: 0..<states.columns)
            let normed = workspace.normed(1)
            finalNorm.apply(state.readOnly, into: normed)
            return [Float](unsafeUninitializedCapacity: channels) { output, count in
                if let base = output.baseAddress {
                    projection.apply(
                        normed.readOnly, into: MutableMatrixView(base, rows: 1, columns: projection.outputs))
                }
                count = projection.outputs
            }
        }
    }

    private func embed(_ ids: [Int32], into states: MutableMatrixView) {
        let width = configuration.width
        tokenEmbedding.withUnsafeBufferPointer { table in
            positions.withUnsafeBufferPointer { positions in
                for (index, id) in ids.enumerated() {
                    let state = UnsafeMutableBufferPointer(start: states.base + index * width, count: width)
                    let start = Int(id) * width
                    _ = state.update(fromContentsOf: table[start..<start + width])
                    let position = UnsafeBufferPointer(rebasing: positions[index * width..<(index + 1) * width])
                    Rows.add(position, scale: 1, to: state)
                }
            }
        }
    }

    /// The position whose state is the text's embedding.
    private func pooledPosition(_ ids: [Int32]) throws(TokenReelError) -> Int {
        guard configuration.family == .clip else { return ids.count - 1 }
        // Published CLIP files name 2 as the end token, which it never was; transformers then takes the highest id,
        // which in CLIP's vocabulary is the end token. It also pads, so the first one counts.
        let end = configuration.endToken == 2 ? ids.max() : Int32(exactly: configuration.endToken)
        guard let end, let position = ids.firstIndex(of: end) else {
            throw TokenReelError(
                .invalidArgument, subject: "query text", found: "no end token",
                allowed: "a text that ends with token \(configuration.endToken)",
                remedy: "use the tokenizer of the same checkpoint")
        }
        return position
    }
}
