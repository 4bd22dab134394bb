/// What the viewer asks for, as vectors in the space of the tokens: words, a sentence, or image exemplars.
public struct Query: Sendable {
    /// Number of vectors, at least 1.
    public let count: Int
    /// Length of each vector.
    public let channels: Int
    /// `[count, channels]`, row-major.
    public let vectors: [Float]

    /// Wraps `[vectors.count / channels, channels]` embeddings.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` if the vectors are empty, ragged or not finite.
    public init(vectors: [Float], channels: Int) throws(TokenReelError) {
        guard channels > 0, !vectors.isEmpty, vectors.count.isMultiple(of: channels) else {
            throw TokenReelError(
                .invalidArgument, subject: "query", found: "\(vectors.count) numbers in rows of \(channels)",
                allowed: "one or more whole rows")
        }
        guard vectors.allSatisfy(\.isFinite) else {
            throw TokenReelError(
                .invalidArgument, subject: "query", found: "a value that is not finite", allowed: "finite numbers")
        }
        self.count = vectors.count / channels
        self.channels = channels
        self.vectors = vectors
    }
}
