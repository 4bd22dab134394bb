internal import TokenCore
internal import TokenReduction
internal import VisionEncoding

/// What a stream's memory holds at one moment, ready to be written as a token file.
public struct StreamSnapshot: Sendable {
    /// The tokens, over the frames that the memory still refers to.
    public let sequence: TokenSequence
    /// What the file says besides.
    public let metadata: [String: String]
}

/// A memory with what its snapshots say of it.
struct LiveMemory: Sendable {
    var memory: StreamMemory
    var encoder: any FrameEncoder
    private let rule: PositionRule
    private let metadata: [String: String]

    init(
        _ memory: StreamMemory, of encoder: any FrameEncoder, placedBy rule: PositionRule,
        _ metadata: [String: String]
    ) {
        self.memory = memory
        self.encoder = encoder
        self.rule = rule
        self.metadata = metadata.merging([
            "memory": JSONValue.members([
                "policy": .string(memory.policy.rawValue), "tokens": .integer(memory.capacity),
            ]).text
        ]) { _, memory in memory }
    }

    var snapshot: StreamSnapshot? {
        // A shape beyond what a grid may be would need a memory of billions of tokens.
        guard let summary = try? memory.summary else { return nil }
        let metadata = metadata.merging(encoder.facts(of: summary.shape)) { _, fact in fact }
        var sequence = TokenSequence(
            shape: summary.shape, tokens: summary.tokens, plan: summary.plan, frameTimes: summary.frameTimes,
            segments: [Segment(start: 0, end: summary.shape.frames)], relevance: nil, codes: nil, codebook: nil,
            newline: encoder.newline, deepstack: summary.deepstack)
        // Facts that make no sense have ended the run at its first segment.
        if let facts = try? RotaryFacts(metadata) { sequence = sequence.placed(facts, by: rule) }
        return StreamSnapshot(sequence: sequence, metadata: metadata)
    }
}
