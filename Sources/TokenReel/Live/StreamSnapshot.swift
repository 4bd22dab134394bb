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
    private let newline: [Float]?
    private let metadata: [String: String]

    init(_ memory: StreamMemory, of encoder: any FrameEncoder, _ metadata: [String: String]) {
        self.memory = memory
        newline = encoder.newline
        self.metadata = metadata.merging([
            "memory": JSONValue.members([
                "policy": .string(memory.policy.rawValue), "tokens": .integer(memory.capacity),
            ]).text
        ]) { _, memory in memory }
    }

    var snapshot: StreamSnapshot? {
        // A shape beyond what a grid may be would need a memory of billions of tokens.
        guard let summary = try? memory.summary else { return nil }
        return StreamSnapshot(
            sequence: TokenSequence(
                shape: summary.shape, tokens: summary.tokens, plan: summary.plan, frameTimes: summary.frameTimes,
                segments: [Segment(start: 0, end: summary.shape.frames)], relevance: nil, codes: nil, codebook: nil,
                newline: newline), metadata: metadata)
    }
}
