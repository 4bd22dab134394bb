internal import TensorOps
internal import TokenCore

/// The way from a tower's final states into the space that it shares with text embeddings.
///
/// Both families train one vector a picture into that space. A patch gets there by the last steps of the same way, taken
/// alone:
///
/// - CLIP: the final norm and `visual_projection`, which the class token goes through. Patches were not trained to, and
///   on CLIP's larger models their cosine to a matching text is often below that of the background; methods that need a
///   ranking flip the sign there.
/// - SigLIP: the whole pooling head on a sequence of this one token, see ``AttentionPoolingHead/bring(_:into:_:)``.
enum SharedSpace: Sendable {
    case projection(Linear)
    case head(AttentionPoolingHead)

    /// Numbers of a vector there.
    func channels(_ configuration: TowerConfiguration) -> Int {
        switch self {
        case .projection(let linear): linear.outputs
        case .head: configuration.width
        }
    }

    /// What the checkpoint holds, if anything: LLaVA's tower and CLIP's vision tower on its own have none.
    init?(_ folder: CheckpointFolder, _ prefix: String, _ configuration: TowerConfiguration) throws(TokenReelError) {
        switch configuration.family {
        case .clip:
            let name = "visual_projection.weight"
            guard let outer = try folder.prefix(of: name) else { return nil }
            let outputs = try folder.shape(of: outer + name).first ?? 0
            self = .projection(try Linear(withoutBias: folder, outer + name, configuration.width, outputs))
        case .siglip:
            guard configuration.hasHead else { return nil }
            self = .head(try AttentionPoolingHead(folder, prefix, configuration))
        }
    }

    /// Brings tokens over, each on its own; they have gone through the final norm.
    func bring(_ tokens: MatrixView, into output: MutableMatrixView, _ workspace: Workspace) {
        switch self {
        case .projection(let linear): linear.apply(tokens, into: output)
        case .head(let head): head.bring(tokens, into: output, workspace)
        }
    }
}
