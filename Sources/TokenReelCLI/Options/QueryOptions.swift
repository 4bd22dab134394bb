internal import ArgumentParser
internal import TokenCore
internal import TokenReduction
internal import TokenReel
internal import VideoDecoding
internal import VisionEncoding

/// What to look for.
struct QueryOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Look for what these words say; needs --query-model, or --model with CLIP or SigLIP.", valueName: "text"))
    var query: String?

    @Option(help: ArgumentHelp("Look for the thing in this picture.", valueName: "file"))
    var queryImage: String?

    @Option(help: ArgumentHelp("Look for embeddings [M, D] in token space.", valueName: "file.safetensors"))
    var queryEmbedding: String?

    mutating func validate() throws {
        guard [query, queryImage, queryEmbedding].count(where: { $0 != nil }) <= 1 else {
            throw ValidationError("Give only one of --query, --query-image and --query-embedding.")
        }
    }

    /// Puts the question into a pipeline with the encoder of `model`.
    func apply(to pipeline: inout Pipeline, _ model: ModelOptions) throws(TokenReelError) {
        if let query {
            let question = try model.question(query, to: pipeline.encoder)
            pipeline.question = question
            pipeline.queryDescription = Pipeline.describeQuery(text: query, question)
        }
        if let queryImage {
            let limits = pipeline.decodeOptions.limits
            let image = try VideoDecoder.image(.file(queryImage), size: .display, limits: limits)
            pipeline.exemplar = try pipeline.encoder.query(from: image)
            pipeline.queryDescription = try Pipeline.describeQuery("image", path: queryImage)
        }
        if let queryEmbedding {
            pipeline.request.query = try Query(path: queryEmbedding)
            pipeline.queryDescription = try Pipeline.describeQuery("embedding", path: queryEmbedding)
        }
    }
}
