internal import TokenCore

/// A SentencePiece model file (`spiece.model`): pieces with scores, and how text is normalised before.
///
/// Only unigram models are read; SigLIP's is one. The fields are those of `sentencepiece_model.proto`.
struct SentencePieceModel: Sendable {
    /// What a piece is for.
    enum Kind: UInt64, Sendable {
        case normal = 1
        case unknown, control, userDefined, unused, byte
    }

    struct Piece: Sendable {
        var text = ""
        var score: Float = 0
        var kind = Kind.normal
    }

    let file: String
    private(set) var pieces: [Piece] = []
    private(set) var usesByteFallback = false
    private(set) var characterMap: ArraySlice<UInt8> = []
    private(set) var addsDummyPrefix = true
    private(set) var removesExtraWhitespace = true
    private(set) var escapesWhitespace = true

    init(_ file: ModelFile) throws(TokenReelError) {
        self.file = file.path
        var reader = ProtobufReader(file.bytes[...], file: file.path)
        while let (field, value) = try reader.next() {
            guard case .bytes(let bytes) = value else { continue }
            switch field {
            case 1: try readPiece(bytes)
            case 2: try readTrainer(bytes)
            case 3: try readNormalizer(bytes)
            default: break
            }
        }
        guard !pieces.isEmpty else { throw reader.failure("no pieces") }
    }

    private mutating func readPiece(_ bytes: ArraySlice<UInt8>) throws(TokenReelError) {
        var reader = ProtobufReader(bytes, file: file)
        var piece = Piece()
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let bytes)):
                guard let text = String(validating: bytes, as: UTF8.self) else {
                    throw reader.failure("a piece that is not UTF-8")
                }
                piece.text = text
            case (2, .fixed32(let bits)):
                piece.score = Float(bitPattern: bits)
                guard piece.score.isFinite else { throw reader.failure("a score of \(piece.score)") }
            case (3, .number(let number)):
                guard let kind = Kind(rawValue: number) else { throw reader.failure("a piece of kind \(number)") }
                piece.kind = kind
            default: break
            }
        }
        guard (1...PrefixTree.longest).contains(piece.text.utf8.count) else {
            throw reader.failure("a piece of \(piece.text.utf8.count) bytes")
        }
        guard pieces.count < Int(Int32.max) else { throw reader.failure("too many pieces") }
        pieces.append(piece)
    }

    private mutating func readTrainer(_ bytes: ArraySlice<UInt8>) throws(TokenReelError) {
        var reader = ProtobufReader(bytes, file: file)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (3, .number(let kind)) where kind != 1:
                throw TokenReelError(
                    .unsupportedInput, subject: "\(file), trainer_spec.model_type", found: "\(kind)",
                    allowed: "1 (unigram), or a tokenizer.json in its place")
            case (24, .number(let flag)) where flag != 0:
                throw TokenReelError(
                    .unsupportedInput, subject: "\(file), trainer_spec.treat_whitespace_as_suffix", found: "true",
                    allowed: "false")
            case (35, .number(let flag)): usesByteFallback = flag != 0
            default: break
            }
        }
    }

    private mutating func readNormalizer(_ bytes: ArraySlice<UInt8>) throws(TokenReelError) {
        var reader = ProtobufReader(bytes, file: file)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (2, .bytes(let map)): characterMap = map
            case (3, .number(let flag)): addsDummyPrefix = flag != 0
            case (4, .number(let flag)): removesExtraWhitespace = flag != 0
            case (5, .number(let flag)): escapesWhitespace = flag != 0
            default: break
            }
        }
    }
}
