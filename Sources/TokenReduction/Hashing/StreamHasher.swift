internal import TensorOps
internal import TokenCore

/// Names the tokens of the segments of a stream, one after the other, as a ``StreamCodebook`` says.
struct StreamHasher: Sendable {
    private let policy: StreamCodebook
    /// Candidates of the latest segments, for a codebook to be learnt from.
    private var samples: [TensorBuffer<Float>] = []
    private var entries: TensorBuffer<Float>?
    private var online: OnlineCodebook?
    /// Mean cosine of the tokens that the codebook was learnt from to their entries.
    private var fit = 0.0
    /// Counts the codebooks; 0 while each segment has its own.
    private(set) var version = 0

    /// Candidates that a codebook is learnt from at most.
    private static let mostSamples = 4096
    /// An entry that names less than this share of what entries name on average is drawn anew.
    private static let deadShare: Float = 0.05

    init(_ policy: StreamCodebook) {
        self.policy = policy
        if case .given(let given) = policy {
            entries = given
            version = 1
        }
    }

    /// The hash of the next segment.
    mutating func hash(
        _ candidates: CandidateTokens, of input: ReductionInput, size: CodebookSize, by hasher: any TokenHasher
    ) throws(TokenReelError) -> TokenHash {
        guard let hasher = hasher as? any CodebookNaming else {
            return try hasher.hash(candidates, of: input, size: size)
        }
        try follow(candidates, input, size, hasher)
        guard let entries else { return try hasher.hash(candidates, of: input, size: size) }
        let labels = hasher.labels(
            of: input.grid.values, channels: input.channels, in: entries, workers: input.workers)
        return TokenHash(naming: labels, by: entries, of: input)
    }

    /// Brings the codebook up to date with the candidates of a segment.
    private mutating func follow(
        _ candidates: CandidateTokens, _ input: ReductionInput, _ size: CodebookSize, _ hasher: any CodebookNaming
    ) throws(TokenReelError) {
        switch policy {
        case .fresh, .given: break
        case .frozen(let count) where entries == nil, .updated(let count) where entries == nil:
            sample(candidates, input.channels, segments: count)
            if samples.count == count {
                try learn(input, size, hasher)
                samples = []
            }
        case .frozen: break
        case .updated:
            guard let entries else { break }
            online?.update(
                with: candidates.values,
                labels: hasher.labels(
                    of: candidates.values, channels: input.channels, in: entries, workers: input.workers),
                workers: input.workers)
            self.entries = online?.entries
            version += 1
        case .versioned(let count, let tolerance):
            sample(candidates, input.channels, segments: count)
            let isOutgrown = fit(of: candidates.values, input, hasher) < fit - tolerance
            if entries == nil ? samples.count == count : isOutgrown { try learn(input, size, hasher) }
        }
    }

    /// Keeps some candidates of a segment, and of that many segments.
    private mutating func sample(_ candidates: CandidateTokens, _ channels: Int, segments: Int) {
        let most = max(Self.mostSamples / segments, 1)
        let count = candidates.plan.count
        let chosen = count <= most ? Array(0..<count) : (0..<most).map { $0 * count / most }
        samples.append(candidates.values.gathering(chosen, channels: channels))
        if samples.count > segments { samples.removeFirst() }
    }

    /// Has the hasher learn a codebook from the samples, as if they were the tokens of one frame.
    private mutating func learn(
        _ input: ReductionInput, _ size: CodebookSize, _ hasher: any CodebookNaming
    ) throws(TokenReelError) {
        try input.checkCancellation()
        let channels = input.channels
        let tokens = TensorBuffer(samples.flatMap(\.array))
        let shape = try GridShape(frames: 1, rows: 1, columns: tokens.count / channels, channels: channels)
        var request = ReductionRequest(budget: .ratio(1))
        request.asPublished = input.asPublished
        request.workers = input.workers
        let sampled = try ReductionInput(TokenGrid(shape: shape, values: tokens, frameTimes: [0]), request)
        let learnt = try hasher.hash(
            CandidateTokens(plan: .identity(shape.tokenCount), input: sampled), of: sampled, size: size)
        entries = learnt.codebook
        version += 1
        fit = fit(of: tokens, input, hasher)
        if case .updated = policy {
            var usage = [Float](repeating: 0, count: learnt.count)
            for code in learnt.codes { usage[Int(code)] += 1 / Float(samples.count) }
            online = OnlineCodebook(
                entries: learnt.codebook, usage: usage, channels: channels,
                dead: Self.deadShare * usage.reduce(0, +) / Float(usage.count))
        }
    }

    /// Mean cosine of tokens to their entries; 1 where there is no codebook yet.
    private func fit(
        of tokens: TensorBuffer<Float>, _ input: ReductionInput, _ hasher: any CodebookNaming
    ) -> Double {
        guard let entries, tokens.count > 0 else { return 1 }
        let channels = input.channels
        let labels = hasher.labels(of: tokens, channels: channels, in: entries, workers: input.workers)
        let named = Rows.normalized(
            entries.gathering(labels.map(Int.init), channels: channels), channels: channels)
        let units = Rows.normalized(tokens, channels: channels)
        let cosines = units.withUnsafeBufferPointer { units in
            named.withUnsafeBufferPointer { Rows.dotsAndSquares(units, $0, channels: channels).dots }
        }
        return cosines.reduce(0) { $0 + Double($1) } / Double(cosines.count)
    }
}
