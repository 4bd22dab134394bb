public import TokenCore
internal import TokenReduction
public import VideoDecoding
internal import VisionEncoding

/// What a run would take and give, worked out before a frame is decoded.
public struct Forecast: Sendable {
    /// The grid that would be reduced; nil if the container does not tell how many frames there are.
    public let shape: GridShape?
    /// Whether the input is a grid, which stays in its file.
    public let isGrid: Bool
    /// Tokens that would be kept; nil if that depends on the content.
    public let tokensOut: Int?
    /// What the container says; nil for grids.
    public let video: VideoInfo?

    /// Bytes of the token grid.
    public var gridBytes: Int? { shape.map { $0.elementCount * MemoryLayout<Float>.size } }
    /// Bytes of the grid that would be held in memory; a larger grid goes to a temporary file.
    public var residentGridBytes: Int? {
        gridBytes.map { isGrid || $0 > GridStorage.spoolingThreshold ? 0 : $0 }
    }
}

extension Pipeline {
    /// Opens an input and works out what ``reduce(_:progress:)`` would make of it.
    ///
    /// - Throws: What opening the input throws, and ``TokenReelError/Code/invalidArgument`` for settings that make no
    ///   sense.
    public func forecast(_ input: OpenInput) throws(TokenReelError) -> Forecast {
        try validate()
        var shape: GridShape?
        var video: VideoInfo?
        switch input.content {
        case .grid(let file): shape = file.grid.shape
        case .video(let source):
            try rehearse(recipe())
            var options = decodeOptions
            options.cancellation = request.cancellation
            let decoder: any FrameStream
            do { decoder = try source.open(options) } catch { throw input.restated(error) }
            video = decoder.info
            if let frames = decoder.expectedFrames {
                let encoder: any FrameEncoder
                do { encoder = try self.encoder.fitted(to: VideoOutline(decoder)) } catch {
                    throw input.restated(error)
                }
                let groups = (frames + encoder.framesPerGroup - 1) / encoder.framesPerGroup
                shape = try GridShape(
                    frames: groups, rows: encoder.rows, columns: encoder.columns, channels: encoder.channels)
            }
        }
        return Forecast(shape: shape, isGrid: input.isGrid, tokensOut: try tokensOut(of: shape), video: video)
    }

    private func tokensOut(of shape: GridShape?) throws(TokenReelError) -> Int? {
        guard let shape, !request.asPublished else { return nil }
        if let codebook = request.codebook, try recipes.descriptor(named: method).emitsCodebook {
            guard case .fixed(let size) = codebook else { return nil }
            return min(size, shape.tokenCount)
        }
        return try request.count(of: shape)
    }
}
