internal import TensorOps
public import TokenCore

/// A question in words, asked of the tokens of the same checkpoint's vision tower.
///
/// Tokens and phrases meet in the space that the checkpoint was trained to share. With `c(p)` the cosine of a token to a
/// phrase, its relevance is
///
///     max over positive p of c(p) - 0.5 * max(0, max over negative p of c(p))
///
/// For CLIP each cosine is taken with a minus: what its patches say alone is the opposite of what the class token says
/// of the picture, an effect that CDPruner (arXiv 2506.10967) reports and corrects in the same way.
public struct TextQuery: Sendable {
    /// The question taken apart.
    public let phrases: QueryPhrases
    private let tower: VisionTower
    private let positive: Query
    private let negative: Query?

    private static let negativeWeight: Float = 0.5

    /// Reads the text tower and the tokenizer of a checkpoint and embeds the phrases of a text.
    ///
    /// - Parameters:
    ///   - tower: The vision tower of the same checkpoint, in ``FeatureSpace/tower`` space.
    ///   - folder: The checkpoint.
    /// - Throws: ``TokenReelError/Code/unsupportedInput`` if the checkpoint has no text tower or no space that it shares
    ///   with pictures, ``TokenReelError/Code/invalidArgument`` for an empty text or tokens of another space, and what
    ///   ``loadTokenizer(folder:contextLength:lowercasesGemma:)`` throws.
    public init(_ text: String, tower: VisionTower, folder: CheckpointFolder) throws(TokenReelError) {
        guard text.contains(where: { !$0.isWhitespace }) else {
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
        func embed(_ phrases: [String]) throws(TokenReelError) -> Query? {
            var vectors: [Float] = []
            for phrase in phrases { vectors += try textTower.embedding(of: tokenizer.ids(for: phrase)) }
            return phrases.isEmpty ? nil : try Query(vectors: vectors, channels: textTower.channels)
        }
        phrases = QueryPhrases(text)
        guard let positive = try embed(phrases.positive), positive.channels == tower.sharedChannels else {
            throw TokenReelError(
                .unsupportedInput, subject: folder.path,
                found: "text embeddings of \(textTower.channels) numbers and pictures of \(tower.sharedChannels ?? 0)",
                allowed: "the same for both")
        }
        self.positive = positive
        negative = try embed(phrases.negative)
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
            let shared: Result<[Float], TokenReelError> = grid.values.withRows(
                frame * cells..<(frame + 1) * cells, channels: channels
            ) { tokens in
                do throws(TokenReelError) {
                    return .success(try tower.sharedVectors(of: tokens))
                } catch {
                    return .failure(error)
                }
            }
            let vectors = TensorBuffer(try shared.get())
            let wanted = cosines(vectors, positive)
            guard let negative else { return wanted }
            return zip(wanted, cosines(vectors, negative)).map { $0 - Self.negativeWeight * max($1, 0) }
        }
        return frames.flatMap { $0 }
    }

    /// For each vector its best cosine to any phrase, with CLIP's sign turned.
    private func cosines(_ vectors: TensorBuffer<Float>, _ phrases: Query) -> [Float] {
        let channels = phrases.channels
        let units = Rows.normalized(vectors, channels: channels)
        let words = Rows.normalized(TensorBuffer(phrases.vectors), channels: channels)
        let products = units.withUnsafeBufferPointer { units in
            words.withUnsafeBufferPointer { words in
                Matrix.products(
                    units, rows: units.count / channels, words, rows: phrases.count, channels: channels)
            }
        }
        let sign: Float = tower.vision.configuration.family == .clip ? -1 : 1
        return stride(from: 0, to: products.count, by: phrases.count).map { start in
            products[start..<start + phrases.count].reduce(-Float.infinity) { max($0, sign * $1) }
        }
    }
}
