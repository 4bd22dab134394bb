internal import TokenCore
internal import TokenReduction
internal import TokenReel
internal import VideoDecoding
internal import VisionEncoding

/// What a client asks to be done with its upload.
struct ReduceRequest: Sendable {
    let model: ServiceModels.Model
    var pipeline: Pipeline
    var dtype = TokenDType.f16
    /// The name to write into files.
    var sourceName: String?
    /// What to look for, in words.
    var question: String?

    /// A request without parameters, to a model.
    ///
    /// - Parameter encoder: In place of the model's own.
    init(
        _ configuration: ServiceConfiguration, model: ServiceModels.Model, encoder: (any FrameEncoder)? = nil
    ) throws(TokenReelError) {
        self.model = model
        pipeline = if let encoder = encoder ?? model.encoder { Pipeline(encoder: encoder) } else { try Pipeline() }
        pipeline.decodeOptions.limits = configuration.limits
        pipeline.decodeOptions.threads = configuration.threads
        pipeline.request.workers = configuration.threads
    }

    /// Understands the parameters of a request.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for a parameter that is unknown, makes no sense or is given too
    ///   often; ``TokenReelError/Code/missingSignal`` for a question that nothing can read.
    init(_ query: QueryString, _ configuration: ServiceConfiguration) throws(TokenReelError) {
        self = try ReduceRequest(configuration, model: configuration.models.model(named: nil))
        let parameters = ReduceParameter.all(configuration)
        var given: [String: [String]] = [:]
        for pair in query.pairs {
            guard parameters.contains(where: { $0.name == pair.name }) else {
                throw TokenReelError(
                    .invalidArgument, subject: "parameter", found: "\"\(pair.name)\"",
                    allowed: parameters.map(\.name).joined(separator: ", "))
            }
            given[pair.name, default: []].append(pair.value)
        }
        var groups: [String: String] = [:]
        // In the order of the table, because the first parameters choose what the others set.
        for parameter in parameters {
            guard let values = given[parameter.name] else { continue }
            let rival = groups.updateValue(parameter.name, forKey: parameter.group ?? parameter.name)
            guard rival == nil, values.count == 1 || parameter.isRepeatable else {
                throw TokenReelError(
                    .invalidArgument, subject: parameter.name,
                    found: rival.map { "\($0) and \(parameter.name)" } ?? "\(values.count) values",
                    allowed: "one of them, once")
            }
            for value in values { try parameter.apply(value, &self, configuration) }
        }
        try pipeline.validate()
    }
}
