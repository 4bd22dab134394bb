/// The size of a token grid: `[frames, rows, columns, channels]`.
public struct GridShape: Sendable, Hashable {
    /// Frames, or temporal groups for models that join frames.
    public let frames: Int
    /// Token rows of a frame.
    public let rows: Int
    /// Token columns of a frame.
    public let columns: Int
    /// Numbers of one token.
    public let channels: Int

    /// Makes a shape.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` if a term is negative or the product does not fit `Int32`
    ///   sources (the plan stores source indices as `Int32`).
    public init(frames: Int, rows: Int, columns: Int, channels: Int) throws(TokenReelError) {
        let terms = [frames, rows, columns, channels]
        func invalid(_ allowed: String) -> TokenReelError {
            TokenReelError(.invalidArgument, subject: "token grid", found: "shape \(terms)", allowed: allowed)
        }
        guard frames >= 0, rows >= 0, columns >= 0, channels > 0 else {
            throw invalid("non-negative terms with at least one channel")
        }
        let (area, overflow1) = rows.multipliedReportingOverflow(by: columns)
        let (count, overflow2) = area.multipliedReportingOverflow(by: frames)
        let (elements, overflow3) = count.multipliedReportingOverflow(by: channels)
        guard !overflow1, !overflow2, !overflow3, count <= Int(Int32.max), elements <= Int.max / 4 else {
            throw invalid("at most \(Int32.max) tokens")
        }
        self.frames = frames
        self.rows = rows
        self.columns = columns
        self.channels = channels
    }

    /// Tokens of one frame, `rows * columns`.
    public var tokensPerFrame: Int { rows * columns }
    /// Tokens of the whole grid.
    public var tokenCount: Int { frames * rows * columns }
    /// Numbers in the whole grid.
    public var elementCount: Int { tokenCount * channels }
}

/// The visual tokens of a video before reduction, with the signals that came with them.
///
/// A token's index is its place in raster order: `(frame * rows + row) * columns + column`.
public struct TokenGrid: Sendable {
    /// `[frames, rows, columns, channels]`.
    public let shape: GridShape
    /// The tokens, row-major.
    public let values: TensorBuffer<Float>
    /// Seconds at which each frame is shown.
    public let frameTimes: [Double]
    /// `[frames, rows, columns]`: how much attention each token receives; only the order within a frame and the rough
    /// scale matter to methods.
    public let saliency: [Float]?
    /// `[frames, F]`: one global vector for each frame, row-major.
    public let frameFeatures: [Float]?
    /// `[frames, rows, columns, E]`: each token in a space shared with text, for methods that compare it with words.
    public let patchEmbeddings: TensorBuffer<Float>?
    /// Further numbers about each token that came with the grid, by what they say.
    public let maps: [Signal: TokenMap]
    /// `[channels]`: what the model reads after the last token of a video, such as LLaVA-OneVision's `image_newline`.
    ///
    /// It belongs to no place in the video, so it is never reduced and never counted.
    public let newline: [Float]?
    /// Of each further stream, `[frames, rows, columns, channels]`: vectors that the model takes in beside the tokens.
    ///
    /// Qwen3-VL's language model adds them in its first layers (DeepStack). What happens to the tokens happens to them.
    public let deepstack: [TensorBuffer<Float>]

    /// Puts a grid together from its parts.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` if a part does not have the size that `shape` demands.
    public init(
        shape: GridShape, values: TensorBuffer<Float>, frameTimes: [Double], saliency: [Float]? = nil,
        frameFeatures: [Float]? = nil, patchEmbeddings: TensorBuffer<Float>? = nil, maps: [Signal: TokenMap] = [:],
        newline: [Float]? = nil, deepstack: [TensorBuffer<Float>] = []
    ) throws(TokenReelError) {
        func check(_ part: String, _ count: Int, _ expected: Int) throws(TokenReelError) {
            guard count == expected else {
                throw TokenReelError(
                    .invalidArgument, subject: "token grid", found: "\(count) numbers of \(part)",
                    allowed: "\(expected) for \(shape.frames) x \(shape.rows) x \(shape.columns) tokens")
            }
        }
        try check("tokens", values.count, shape.elementCount)
        try check("frame times", frameTimes.count, shape.frames)
        if let saliency { try check("saliency", saliency.count, shape.tokenCount) }
        if let frameFeatures {
            let width = shape.frames == 0 ? 0 : frameFeatures.count / shape.frames
            try check("frame features", frameFeatures.count, shape.frames * max(width, 1))
        }
        if let patchEmbeddings {
            let width = shape.tokenCount == 0 ? 0 : patchEmbeddings.count / shape.tokenCount
            try check("patch embeddings", patchEmbeddings.count, shape.tokenCount * max(width, 1))
        }
        for (signal, map) in maps.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            try check(signal.rawValue, map.values.count, map.layers * shape.tokenCount)
        }
        for (index, stream) in deepstack.enumerated() {
            try check("stream deepstack.\(index)", stream.count, shape.elementCount)
        }
        if let newline, newline.count != shape.channels {
            throw TokenReelError(
                .invalidArgument, subject: "token grid", found: "a newline of \(newline.count) numbers",
                allowed: "\(shape.channels), the length of a token")
        }
        self.shape = shape
        self.values = values
        self.frameTimes = frameTimes
        self.saliency = saliency
        self.frameFeatures = frameFeatures
        self.patchEmbeddings = patchEmbeddings
        self.maps = maps
        self.newline = newline
        self.deepstack = deepstack
    }

    /// Numbers of one patch embedding; 0 without them.
    public var patchEmbeddingChannels: Int {
        shape.tokenCount == 0 ? 0 : (patchEmbeddings?.count ?? 0) / shape.tokenCount
    }

    /// Some of the frames as a grid of their own, whose tokens are shared.
    ///
    /// - Throws: Nothing for a range within the grid.
    public func frames(_ range: Range<Int>) throws(TokenReelError) -> TokenGrid {
        let cells = shape.tokensPerFrame
        let tokens = range.lowerBound * cells..<range.upperBound * cells
        func scaled(by width: Int) -> Range<Int> { tokens.lowerBound * width..<tokens.upperBound * width }
        let featureWidth = shape.frames == 0 ? 0 : (frameFeatures?.count ?? 0) / shape.frames
        return try TokenGrid(
            shape: GridShape(
                frames: range.count, rows: shape.rows, columns: shape.columns, channels: shape.channels),
            values: values.sharing(scaled(by: shape.channels)), frameTimes: Array(frameTimes[range]),
            saliency: saliency.map { Array($0[tokens]) },
            frameFeatures: frameFeatures.map {
                Array($0[range.lowerBound * featureWidth..<range.upperBound * featureWidth])
            },
            patchEmbeddings: patchEmbeddings?.sharing(scaled(by: patchEmbeddingChannels)),
            maps: maps.mapValues { map in
                let layers = (0..<map.layers).map { $0 * shape.tokenCount }
                return TokenMap(
                    layers: map.layers,
                    values: layers.flatMap { map.values[$0 + tokens.lowerBound..<$0 + tokens.upperBound] })
            }, newline: newline,
            deepstack: deepstack.map { $0.sharing(scaled(by: shape.channels)) })
    }

    /// The frame, row and column of a token.
    public func position(of token: Int) -> (frame: Int, row: Int, column: Int) {
        let (frame, cell) = token.quotientAndRemainder(dividingBy: max(shape.tokensPerFrame, 1))
        let (row, column) = cell.quotientAndRemainder(dividingBy: max(shape.columns, 1))
        return (frame, row, column)
    }
}
