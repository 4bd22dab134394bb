public import TokenCore
internal import TokenReduction
public import VisionEncoding

/// Something that is looked for in a stream for as long as it stands.
public struct StandingQuery: Sendable {
    /// What is looked for.
    public enum Subject: Sendable {
        /// A question in words; see ``Pipeline/question``.
        case words(TextQuery)
        /// A picture of the thing, as vectors; see ``Pipeline/exemplar``.
        case picture(Query)
        /// Vectors in the space of the tokens or of their patch embeddings.
        case embedding(Query)
    }
    /// What it is called when it is removed, and in the segments that it steered.
    public let name: String
    /// What is looked for.
    public let subject: Subject
    /// What it was made from, for the metadata of token files; see ``Pipeline/queryDescription``.
    public let description: String?

    /// Names something to look for.
    public init(_ name: String, _ subject: Subject, description: String? = nil) {
        self.name = name
        self.subject = subject
        self.description = description
    }
}

extension Pipeline {
    /// What this pipeline itself looks for.
    package var standingQuery: StandingQuery? {
        let subject: StandingQuery.Subject? =
            question.map { .words($0) } ?? exemplar.map { .picture($0) } ?? request.query.map { .embedding($0) }
        return subject.map { StandingQuery("query", $0, description: queryDescription) }
    }

    /// The same pipeline looking for something else, or for nothing.
    func asking(_ query: StandingQuery?) -> Pipeline {
        var pipeline = self
        pipeline.question = nil
        pipeline.exemplar = nil
        pipeline.request.query = nil
        pipeline.request.relevance = nil
        pipeline.queryDescription = query?.description
        switch query?.subject {
        case .words(let question): pipeline.question = question
        case .picture(let exemplar): pipeline.exemplar = exemplar
        case .embedding(let query): pipeline.request.query = query
        case nil: break
        }
        return pipeline
    }

    /// The request with several queries put to a grid: a token is as relevant as to the query that it answers best.
    func request(for queries: [StandingQuery], about grid: TokenGrid) throws(TokenReelError) -> ReductionRequest {
        let encoded = EncodedInput(grid: grid, query: nil, metadata: [:], video: nil)
        var requests: [ReductionRequest] = []
        for query in queries { requests.append(try asking(query).request(about: encoded)) }
        guard requests.count > 1 else {
            if let only = requests.first { return only }
            return try asking(nil).request(about: encoded)
        }
        var best: [Float]?
        for request in requests {
            let input = try ReductionInput(grid, request)
            let relevance =
                input.relevance
                ?? input.query.map { QueryRelevance.scores(of: grid.values, for: $0, workers: request.workers) }
            if let relevance { best = best.map { zip($0, relevance).map(max) } ?? relevance }
        }
        requests[0].query = nil
        requests[0].relevance = best
        return requests[0]
    }
}
