internal import TensorOps
public import TokenCore

/// The text tower and the tokenizer of a checkpoint, loaded once for any number of questions.
public struct TextModel: Sendable {
    /// The checkpoint's type and a fingerprint of its text tower.
    public let name: String
    let path: String
    let tower: TextTower
    let tokenizer: any TextTokenizer
    /// Whether the checkpoint's patches say the opposite of its class token.
    let isContrary: Bool

    /// Loads both.
    ///
    /// - Throws: ``TokenReelError/Code/unsupportedInput`` if the checkpoint has no text tower, and what
    ///   ``loadTokenizer(folder:contextLength:lowercasesGemma:)`` throws.
    public init(_ folder: CheckpointFolder) throws(TokenReelError) {
        let folder = CheckpointFolder(folder)
        tower = try TextTower(folder)
        tokenizer = try loadTokenizer(folder: folder.path, contextLength: tower.contextLength)
        name = "\(folder.modelType) \(folder.fingerprint.text)"
        path = folder.path
        isContrary = folder.configuration.text?.family == .clip
    }
}

/// A question in words, asked of tokens in the space that a CLIP or SigLIP checkpoint shares with text.
///
/// The cosines to wanted and unwanted phrases make up the relevance of a token as
/// ``QueryPhrases/relevance(wanted:unwanted:penalty:)`` says. For CLIP each cosine is taken with a minus: what its patches
/// say alone is the opposite of what the class token says of the picture, an effect that CDPruner (arXiv 2506.10967)
/// reports and corrects in the same way.
public struct TextQuery: Sendable {
    /// The question taken apart.
    public let phrases: QueryPhrases
    /// The checkpoint's type and a fingerprint of its text tower.
    public let model: String
    private let tower: VisionTower?
    /// `[W + U, channels]` of unit length: the wanted phrases, then the unwanted ones.
    private let words: TensorBuffer<Float>
    /// Numbers of a vector in the shared space.
    private let channels: Int
    private let sign: Float

    /// Reads the text tower and the tokenizer of a checkpoint and embeds the phrases of a text.
    ///
    /// - Parameters:
    ///   - folder: The checkpoint.
    ///   - tower: Its vision tower, to ask grids of its tokens that carry no patch embeddings; in tower or projected space.
    /// - Throws: ``TokenReelError/Code/unsupportedInput`` if the checkpoint has no text tower or shares no space with
    ///   pictures, ``TokenReelError/Code/invalidArgument`` for an empty text, and what
    ///   ``loadTokenizer(folder:contextLength:lowercasesGemma:)`` throws.
    public init(_ text: String, folder: CheckpointFolder, tower: VisionTower? = nil) throws(TokenReelError) {
        try self.init(text, model: try TextModel(folder), tower: tower)
    }

    /// Embeds the phrases of a text with a text tower that is loaded already.
    ///
    /// - Throws: As ``init(_:folder:tower:)``.
    public init(_ text: String, model: TextModel, tower: VisionTower? = nil) throws(TokenReelError) {
        let phrases = QueryPhrases(text)
        guard !(phrases.wanted + phrases.unwanted).isEmpty else {
            throw TokenReelError(
                .invalidArgument, subject: "query", found: "an empty text", allowed: "words to look for",
                remedy: "set it with --query")
        }
        let textTower = model.tower
        var vectors: [Float] = []
        for phrase in phrases.wanted + phrases.unwanted {
            vectors += try textTower.embedding(of: model.tokenizer.ids(for: phrase))
        }
        if let tower, textTower.channels != tower.sharedChannels {
            throw TokenReelError(
                .unsupportedInput, subject: model.path,
                found: "text embeddings of \(textTower.channels) numbers and pictures of \(tower.sharedChannels ?? 0)",
                allowed: "the same for both")
        }
        self.phrases = phrases
        self.tower = tower
        self.model = model.name
        channels = textTower.channels
        words = Rows.normalized(
            TensorBuffer(try Query(vectors: vectors, channels: channels).vectors), channels: channels)
        sign = model.isContrary ? -1 : 1
    }

    /// `[T * H * W]`: how well each token of a grid answers; higher is better, about -1…1.
    ///
    /// - Throws: ``TokenReelError/Code/missingSignal`` if the grid has no patch embeddings and is not of the tower's
    ///   tokens, ``TokenReelError/Code/invalidArgument`` for embeddings of another length.
    public func relevance(of grid: TokenGrid, workers: Int = 1) throws(TokenReelError) -> [Float] {
        let width = grid.patchEmbeddings == nil ? grid.shape.channels : grid.patchEmbeddingChannels
        guard grid.patchEmbeddings != nil || tower?.channels == width else {
            throw TokenReelError(
                .missingSignal, subject: "query",
                found:
                    "tokens of \(width) numbers that do not come from the text's checkpoint, and no patch embeddings",
                allowed: "patch embeddings of \(channels) numbers",
                remedy:
                    "encode the video with --query-model, or add a tensor \"patch_embeddings\" [T, H, W, \(channels)]")
        }
        guard grid.patchEmbeddings == nil || width == channels || grid.shape.tokenCount == 0 else {
            throw TokenReelError(
                .invalidArgument, subject: "query", found: "patch embeddings of \(width) numbers",
                allowed: "\(channels), as the text's checkpoint makes them", remedy: "name the model that made them")
        }
        let cells = grid.shape.tokensPerFrame
        let frames = try Parallel.map(count: grid.shape.frames, workers: workers) { frame throws(TokenReelError) in
            let vectors = try (grid.patchEmbeddings ?? grid.values).withRows(
                frame * cells..<(frame + 1) * cells, channels: width
            ) { rows throws(TokenReelError) in
                guard grid.patchEmbeddings == nil, let tower else { return Array(rows) }
                return try tower.sharedVectors(of: rows)
            }
            return relevance(of: TensorBuffer(vectors))
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
        return stride(from: 0, to: products.count, by: count).map { start in
            let cosines = products[start..<start + count].map { sign * $0 }
            let wanted = phrases.wanted.count
            return QueryPhrases.relevance(wanted: Array(cosines[..<wanted]), unwanted: Array(cosines[wanted...]))
        }
    }
}
