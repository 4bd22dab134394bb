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
        if let query { try QuerySource.text(query).apply(to: &pipeline, model) }
        if let queryImage { try QuerySource.image(queryImage).apply(to: &pipeline, model) }
        if let queryEmbedding { try QuerySource.embedding(queryEmbedding).apply(to: &pipeline, model) }
    }
}

/// Where a query comes from.
enum QuerySource: Equatable {
    case text(String)
    case image(String)
    case embedding(String)

    /// Has a pipeline with the encoder of `model` look for this.
    func apply(to pipeline: inout Pipeline, _ model: ModelOptions) throws(TokenReelError) {
        switch self {
        case .text(let text):
            let question = try model.question(text, to: pipeline.encoder)
            pipeline.question = question
            pipeline.queryDescription = Pipeline.describeQuery(text: text, question)
        case .image(let path):
            let limits = pipeline.decodeOptions.limits
            let image = try VideoDecoder.image(.file(path), size: .display, limits: limits)
            pipeline.exemplar = try pipeline.encoder.query(from: image)
            pipeline.queryDescription = try Pipeline.describeQuery("image", path: path)
        case .embedding(let path):
            pipeline.request.query = try Query(path: path)
            pipeline.queryDescription = try Pipeline.describeQuery("embedding", path: path)
        }
    }

    /// The same as something that a stream looks for while it stands.
    func standing(_ name: String, for pipeline: Pipeline, _ model: ModelOptions) throws(TokenReelError) -> StandingQuery
    {
        var asking = Pipeline(encoder: pipeline.encoder)
        asking.decodeOptions.limits = pipeline.decodeOptions.limits
        try apply(to: &asking, model)
        guard let query = asking.standingQuery else { preconditionFailure("a query was just put there") }
        return StandingQuery(name, query.subject, description: query.description)
    }
}
