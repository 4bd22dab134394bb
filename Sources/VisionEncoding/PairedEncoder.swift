internal import TensorOps
public import TokenCore

/// One encoder's tokens with the patch embeddings of a CLIP or SigLIP checkpoint, so that words can be asked of tokens
/// that share no space with text themselves.
///
/// The second model's patches are brought into the space that it shares with text and averaged over the area of each of
/// the first one's tokens. For that it sees what the first one sees, squeezed into its square: CLIP's image processor alone
/// would cut out the middle.
public struct PairedEncoder: FrameEncoder {
    private let main: any FrameEncoder
    private let second: VisionTower
    private let resampler: GridResampler

    /// Adds the patch embeddings of a checkpoint to the tokens of an encoder.
    ///
    /// - Throws: ``TokenReelError/Code/unsupportedInput`` if the checkpoint's pictures share no space with text, and what
    ///   ``VisionTower/init(_:options:)`` throws.
    public init(
        _ main: any FrameEncoder, patchesFrom folder: CheckpointFolder, precision: Precision = .f32
    ) throws(TokenReelError) {
        var options = VisionTowerOptions()
        options.space = .projected
        options.saliency = .none
        options.showsWholeFrame = true
        options.precision = precision
        let second = try VisionTower(folder, options: options)
        guard second.sharedChannels != nil else {
            throw TokenReelError(
                .unsupportedInput, subject: folder.path, found: "a \(folder.modelType) checkpoint without a text tower",
                allowed: "CLIP or SigLIP", remedy: "name one with --query-model")
        }
        self.init(main, second)
    }

    private init(_ main: any FrameEncoder, _ second: VisionTower) {
        self.main = main
        self.second = second
        resampler = GridResampler(averaging: (second.rows, second.columns), to: (main.rows, main.columns))
    }

    /// The first encoder's: the tokens are its own.
    public var name: String { main.name }
    /// Nil: each model scales frames for itself.
    public var frameSize: (width: Int, height: Int)? { nil }
    /// The first encoder's.
    public var rows: Int { main.rows }
    /// The first encoder's.
    public var columns: Int { main.columns }
    /// The first encoder's.
    public var channels: Int { main.channels }
    /// What there is to know about either.
    public var notices: [String] { main.notices + second.notices.filter { !main.notices.contains($0) } }
    /// The first encoder's, and patch embeddings.
    public var signals: Set<Signal> { main.signals.union([.patchEmbeddings]) }
    /// The first encoder's.
    public var newline: [Float]? { main.newline }
    /// The first encoder's, and which model the patch embeddings come from.
    public var facts: [String: String] { main.facts.merging(["query_model": second.name]) { fact, _ in fact } }

    /// The first encoder's.
    public var showsWholeFrame: Bool { main.showsWholeFrame }
    /// The first encoder's.
    public var framesPerGroup: Int { main.framesPerGroup }
    /// The first encoder's.
    public var fitsVideos: Bool { main.fitsVideos }
    /// The first encoder's.
    public var frameSpread: FrameSpread? { main.frameSpread }
    /// The first encoder's.
    public func seconds(of group: [VideoFrame]) -> Double { main.seconds(of: group) }
    /// The first encoder's.
    public func facts(of grid: GridShape) -> [String: String] { main.facts(of: grid) }

    /// Both models for one video.
    public func fitted(to video: VideoOutline) throws(TokenReelError) -> any FrameEncoder {
        PairedEncoder(try main.fitted(to: video), second)
    }

    /// Encodes one frame with both models; patch embeddings are there whatever is asked for.
    public func encode(_ frame: VideoFrame, signals: Set<Signal>) throws(TokenReelError) -> EncodedFrame {
        try encode([frame], signals: signals, workers: 1)
    }

    /// Encodes a group with both models; its patch embeddings are the means of those of its frames.
    public func encode(
        _ group: [VideoFrame], signals: Set<Signal>, workers: Int
    ) throws(TokenReelError) -> EncodedFrame {
        let scaled = try group.map { (frame) throws(TokenReelError) in try main.resized(frame) }
        var encoded = try main.encode(scaled, signals: signals.subtracting([.patchEmbeddings]), workers: workers)
        var sums: [Float] = []
        for frame in group {
            let seen = main.showsWholeFrame ? frame : try main.picture(of: frame)
            let patches = try second.encode([seen], signals: [], workers: workers).tokens
            sums = sums.isEmpty ? patches : zip(sums, patches).map { $0 + $1 }
        }
        let means = group.count == 1 ? sums : sums.map { $0 / Float(group.count) }
        encoded.patchEmbeddings = resampler.map(means, channels: second.channels)
        return encoded
    }

    /// What the first encoder sees.
    public func picture(of frame: VideoFrame) throws(TokenReelError) -> VideoFrame {
        try main.picture(of: main.resized(frame))
    }

    /// The first encoder's: pictures are compared with its tokens, words with the patch embeddings.
    public func query(from image: VideoFrame) throws(TokenReelError) -> Query { try main.query(from: image) }
}
