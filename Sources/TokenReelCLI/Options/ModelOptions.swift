// Public, because the spaces and sources are, and so must be what they conform to.
public import ArgumentParser
internal import TokenCore
public import VisionEncoding

extension FeatureSpace: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension SaliencySource: ExpressibleByArgument {}

/// Which model turns frames into tokens, and what is read from it.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A Hugging Face checkpoint folder: CLIP, SigLIP or LLaVA-OneVision. (default: the built-in encoder)",
            valueName: "folder"))
    var model: String?

    @Option(
        help: ArgumentHelp(
            "A second folder, CLIP or SigLIP, that reads --query and looks at the frames for it.",
            valueName: "folder"))
    var queryModel: String?

    // A value may begin with a minus.
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            The model's hidden state to read: 0 is the first layer's input, -1 the last layer's output. (default: the \
            model's own choice)
            """, valueName: "n"))
    var layer: Int?

    @Option(help: "The tokens' space: tower, projected or pooled. (default: the model's own choice)")
    var space: FeatureSpace?

    @Option(help: "Where saliency comes from: none, received, class or probe. (default: received)")
    var saliency: SaliencySource?

    @Option(help: "What the model's products are computed in: f32, or bf16 where the processor has it. (default: f32)")
    var precision: Precision?

    /// The tower that was asked for; nil for the built-in encoder.
    func tower() throws(TokenReelError) -> VisionTower? {
        guard let model else {
            let given = [
                ("--layer", layer != nil), ("--space", space != nil), ("--saliency", saliency != nil),
                ("--precision", precision != nil && queryModel == nil),
            ]
            if let option = given.first(where: \.1)?.0 {
                throw TokenReelError(
                    .invalidArgument, subject: option, found: "an option for a model without one",
                    remedy: "name a checkpoint folder with --model")
            }
            return nil
        }
        var options = VisionTowerOptions()
        options.layer = layer
        options.space = space
        if let precision { options.precision = precision }
        if let saliency { options.saliency = saliency }
        return try VisionTower(try CheckpointFolder(model), options: options)
    }

    /// An encoder with the patch embeddings of the second model, if one was named.
    func paired(_ encoder: any FrameEncoder) throws(TokenReelError) -> any FrameEncoder {
        guard let queryModel else { return encoder }
        return try PairedEncoder(encoder, patchesFrom: try CheckpointFolder(queryModel), precision: precision ?? .f32)
    }

    /// A question to the tokens of `encoder`, read by the second model or else by the first.
    func question(_ text: String, to encoder: any FrameEncoder) throws(TokenReelError) -> TextQuery {
        guard let folder = queryModel ?? model else {
            throw TokenReelError(
                .missingSignal, subject: "--query", found: "words, and no text tower to read them",
                remedy: "name a CLIP or SigLIP checkpoint with --query-model or --model, or give the query with "
                    + "--query-image or --query-embedding")
        }
        return try TextQuery(text, folder: try CheckpointFolder(folder), tower: encoder as? VisionTower)
    }
}
