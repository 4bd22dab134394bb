internal import TensorOps
public import TokenCore

/// A question in words, asked of the tokens of the same checkpoint's vision tower.
///
/// Tokens and phrases meet in the space that the checkpoint was trained to share, and the cosines to wanted and unwanted
/// phrases make up the relevance of a token as ``QueryPhrases/relevance(wanted:unwanted:penalty:)`` says. For CLIP each
/// cosine is taken with a minus: what its patches say alone is the opposite of what the class token says of the picture,
/// an effect that CDPruner (arXiv 2506.10967) reports and corrects in the same way.
public struct TextQuery: Sendable {
    /// The question taken apart.
    public let phrases: QueryPhrases
    private let tower: VisionTower
    /// `[W + U, shared channels]` of unit length: the wanted phrases, then the unwanted ones.
    private let words: TensorBuffer<Float>
    private let channels: Int

    /// Reads the text tower and the tokenizer of a checkpoint and embeds the phrases of a text.
    ///
    /// - Parameters:
    ///   - tower: The vision tower of the same checkpoint, in ``FeatureSpace/tower`` space.
    ///   - folder: The checkpoint.
    /// - Throws: ``TokenReelError/Code/unsupportedInput`` if the checkpoint has no text tower or no space that it shares
    ///   with pictures, ``TokenReelError/Code/invalidArgument`` for an empty text or tokens of another space, and what
    ///   ``loadTokenizer(folder:contextLength:lowercasesGemma:)`` throws.
    public init(_ text: String, tower: VisionTower, folder: CheckpointFolder) throws(TokenReelError) {
        let phrases = QueryPhrases(text)
        guard !(phrases.wanted + phrases.unwanted).isEmpty else {
            throw TokenReelError(
                .invalidArgument, subject: "query", found: "an empty text", allowed: "words to look for",
                remedy: "set it with --query")
        }
        guard tower.sharedChannels != nil else {
            throw TokenReelError(
                .unsupportedInput, subject: folder.path, found: "a \(tower.modelType) checkpoint without a text tower",
                allowed: "CLIP or SigLIP for questions in words",
                remedy: "give the query with --query-image or --query-embedding")
        }
        guard tower.space == .tower else {
            throw TokenReelError(
                .invalidArgument, subject: "query", found: "a question in words for tokens in \(tower.space) space",
                allowed: "tower space", remedy: "leave out --space")
        }
        let textTower = try TextTower(folder)
        let tokenizer = try loadTokenizer(folder: folder.path, contextLength: textTower.contextLength)
        self.phrases = phrases
        var vectors: [Float] = []
        for phrase in phrases.wanted + phrases.unwanted {
            vectors += try textTower.embedding(of: tokenizer.ids(for: phrase))
        }
        guard textTower.channels == tower.sharedChannels else {
            throw TokenReelError(
                .unsupportedInput, subject: folder.path,
                found: "text embeddings of \(textTower.channels) numbers and pictures of \(tower.sharedChannels ?? 0)",
                allowed: "the same for both")
        }
        channels = textTower.channels
        words = Rows.normalized(
            TensorBuffer(try Query(vectors: vectors, channels: channels).vectors), channels: channels)
        self.tower = tower
    }

    /// `[T * H * W]`: how well each token of a grid answers; higher is better, about -1…1.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` if the grid is not of the tower's tokens.
    public func relevance(of grid: TokenGrid, workers: Int = 1) throws(TokenReelError) -> [Float] {
        let channels = grid.shape.channels
        guard channels == tower.channels else {
            throw TokenReelError(
                .invalidArgument, subject: "query", found: "tokens of \(channels) numbers",
                allowed: "\(tower.channels), as the model makes them", remedy: "use the model that made the grid")
        }
        let cells = grid.shape.tokensPerFrame
        let frames = try Parallel.map(count: grid.shape.frames, workers: workers) { frame throws(TokenReelError) in
            let shared = try grid.values.withRows(
                frame * cells..<(frame + 1) * cells, channels: channels
            ) { tokens throws(TokenReelError) in try tower.sharedVectors(of: tokens) }
            return relevance(of: TensorBuffer(shared))
        }
        return frames.flatMap { $0 }
    }

    private func relevance(of shared: TensorBuffer<Float>) -> [Float] {
        let units = Rows.normalized(shared, channels: channels)
        let count = phrases.wanted.count + phrases.unwanted.count
        let products = units.withUnsafeBufferPointer { units in
            words.withUnsafeBufferPointer { words in
                Matrix.products(units, rows: units.count / channels, words, rows: count, channels: channels)
            }
        }
        let sign: Float = tower.vision.configuration.family == .clip ? -1 : 1
        return stride(from: 0, to: products.count, by: count).map { start in
            let cosines = products[start..<start + count].map { sign * $0 }
            let wanted = phrases.wanted.count
            return QueryPhrases.relevance(wanted: Array(cosines[..<wanted]), unwanted: Array(cosines[wanted...]))
        }
    }
}
