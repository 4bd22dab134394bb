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
            "Look for what these words say; needs --model with a CLIP or SigLIP checkpoint.", valueName: "text"))
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

    /// Puts the question into a pipeline, whose encoder is that of `model`.
    func apply(to pipeline: inout Pipeline, _ model: ModelOptions) throws(TokenReelError) {
        if let query {
            guard let tower = pipeline.encoder as? VisionTower, let folder = model.model else {
                throw TokenReelError(
                    .missingSignal, subject: "--query", found: "words, and no text tower to read them",
                    remedy: "name a CLIP or SigLIP checkpoint with --model, or give the query with --query-image or "
                        + "--query-embedding")
            }
            pipeline.question = try TextQuery(query, tower: tower, folder: try CheckpointFolder(folder))
            pipeline.queryDescription = Pipeline.describeQuery(text: query)
        }
        if let queryImage {
            let limits = pipeline.decodeOptions.limits
            let image = try VideoDecoder.image(.file(queryImage), size: .display, limits: limits)
            pipeline.request.query = try pipeline.encoder.query(from: image)
            pipeline.queryDescription = try Pipeline.describeQuery("image", path: queryImage)
        }
        if let queryEmbedding {
            pipeline.request.query = try Query(path: queryEmbedding)
            pipeline.queryDescription = try Pipeline.describeQuery("embedding", path: queryEmbedding)
        }
    }
}
