// Public, because the spaces and sources are, and so must be what they conform to.
public import ArgumentParser
internal import TokenCore
public import VisionEncoding

extension FeatureSpace: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension SaliencySource: ExpressibleByArgument {}

/// `602112` or `100352-602112`: pixels.
struct PixelBudgetArgument: ExpressibleByArgument {
    let least: Int?
    let most: Int

    init?(argument: String) {
        let ends = argument.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard 1...2 ~= ends.count, let first = ends[0], let most = ends[ends.count - 1] else { return nil }
        least = ends.count == 1 ? nil : first
        self.most = most
    }
}

/// Which model turns frames into tokens, and what is read from it.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A Hugging Face folder: CLIP, SigLIP, LLaVA-OneVision, Qwen-VL. (default: the built-in encoder)",
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

    @Option(
        help: ArgumentHelp(
            """
            Qwen-VL's own resizing: the most pixels, or the fewest and the most, of a frame for Qwen2.5-VL and of the whole \
            video for Qwen3-VL. (default: its processor's)
            """, valueName: "max|min-max"))
    var pixelBudget: PixelBudgetArgument?

    /// The tower that was asked for; nil for the built-in encoder.
    func tower() throws(TokenReelError) -> (any FrameEncoder)? {
        guard let model else {
            let given = [
                ("--layer", layer != nil), ("--space", space != nil), ("--saliency", saliency != nil),
                ("--pixel-budget", pixelBudget != nil),
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
        options.leastPixels = pixelBudget?.least
        options.mostPixels = pixelBudget?.most
        return try CheckpointFolder(model).encoder(options)
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
