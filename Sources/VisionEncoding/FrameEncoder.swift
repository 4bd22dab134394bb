internal import TensorOps
public import TokenCore

/// Turns pictures into grids of visual tokens.
///
/// Most encoders look at one frame at a time; some join the ``framesPerGroup`` frames of a group into one frame of the
/// grid. Some bring every video to a size of its own: ``fitted(to:)`` gives the encoder for one video.
///
/// An encoder holds no state between groups, so they may be encoded in any order and on any number of threads with the
/// same result.
public protocol FrameEncoder: Sendable {
    /// The name written into token files, such as `descriptor`.
    var name: String { get }
    /// The size in pixels that frames must have; nil if any size will do.
    var frameSize: (width: Int, height: Int)? { get }
    /// Token rows of a frame of the grid.
    var rows: Int { get }
    /// Token columns of a frame of the grid.
    var columns: Int { get }
    /// Frames of a video that make one frame of the grid; the last group may have fewer.
    var framesPerGroup: Int { get }
    /// Whether ``rows`` and ``columns`` follow from the video, and are only an example before ``fitted(to:)``.
    var fitsVideos: Bool { get }
    /// How the model's own video processor chooses frames; nil where it leaves that open.
    var frameSpread: FrameSpread? { get }
    /// Numbers of one token.
    var channels: Int { get }
    /// Whether the tokens show all of a frame, be it squeezed, and not just what ``picture(of:)`` leaves of it.
    var showsWholeFrame: Bool { get }
    /// What a user should know about how this encoder works, such as that it could not work as asked; usually none.
    var notices: [String] { get }
    /// Signals that ``encode(_:signals:)`` can give.
    var signals: Set<Signal> { get }
    /// `[channels]`: what the model that the tokens are made for reads after the last token of a video; nil for
    /// nothing.
    var newline: [Float]? { get }
    /// What a token file says about how the tokens came to be, besides ``name``; keys as in the file's metadata.
    var facts: [String: String] { get }

    /// Encodes one frame.
    ///
    /// - Parameters:
    ///   - frame: A picture of ``frameSize``.
    ///   - signals: What to give besides the tokens; what is not among ``signals`` stays nil.
    /// - Throws: ``TokenReelError/Code/invalidArgument`` if the frame has another size, or no pixels.
    func encode(_ frame: VideoFrame, signals: Set<Signal>) throws(TokenReelError) -> EncodedFrame

    /// Encodes the frames of a group, of which there are 1 to ``framesPerGroup``.
    ///
    /// - Parameter workers: Threads that may be used; never changes a result.
    /// - Throws: As ``encode(_:signals:)`` for one frame, and ``TokenReelError/Code/invalidArgument`` for another number.
    func encode(
        _ group: [VideoFrame], signals: Set<Signal>, workers: Int
    ) throws(TokenReelError) -> EncodedFrame

    /// Seconds at which a group, which is not empty, counts as shown.
    func seconds(of group: [VideoFrame]) -> Double

    /// The encoder for one video.
    ///
    /// - Throws: ``TokenReelError/Code/unsupportedInput`` if the model can't take such a video.
    func fitted(to video: VideoOutline) throws(TokenReelError) -> any FrameEncoder

    /// What a token file says about one grid besides ``facts``.
    func facts(of grid: GridShape) -> [String: String]

    /// The part of a frame that the tokens show, at the size at which it is cut into patches.
    ///
    /// - Throws: As ``encode(_:signals:)``.
    func picture(of frame: VideoFrame) throws(TokenReelError) -> VideoFrame

    /// Turns an exemplar, a picture of the thing to look for, into query vectors in the space of the tokens.
    ///
    /// A token is as relevant as its best cosine to any of the vectors.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` if the picture can't be encoded.
    func query(from image: VideoFrame) throws(TokenReelError) -> Query
}

extension FrameEncoder {
    /// None.
    public var notices: [String] { [] }
    /// Nil.
    public var newline: [Float]? { nil }
    /// None.
    public var facts: [String: String] { [:] }
    /// One.
    public var framesPerGroup: Int { 1 }
    /// False.
    public var fitsVideos: Bool { false }
    /// Nil.
    public var frameSpread: FrameSpread? { nil }

    /// Encodes the one frame of a group, on the calling thread.
    public func encode(
        _ group: [VideoFrame], signals: Set<Signal>, workers: Int
    ) throws(TokenReelError) -> EncodedFrame {
        try encode(onlyFrame(of: group), signals: signals)
    }

    /// The frame of a group of one.
    func onlyFrame(of group: [VideoFrame]) throws(TokenReelError) -> VideoFrame {
        guard let frame = group.first, group.count == 1 else {
            throw TokenReelError(
                .invalidArgument, subject: "group for \(name)", found: "\(group.count) frames", allowed: "1")
        }
        return frame
    }

    /// The time of the first frame.
    public func seconds(of group: [VideoFrame]) -> Double { group[0].pts.seconds }

    /// The encoder itself.
    public func fitted(to video: VideoOutline) throws(TokenReelError) -> any FrameEncoder { self }

    /// None.
    public func facts(of grid: GridShape) -> [String: String] { [:] }

    /// True.
    public var showsWholeFrame: Bool { true }
    /// The whole frame as it is.
    public func picture(of frame: VideoFrame) throws(TokenReelError) -> VideoFrame { frame }

    /// A frame at the size that this encoder needs.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for a frame without pixels.
    package func resized(_ frame: VideoFrame) throws(TokenReelError) -> VideoFrame {
        guard let size = frameSize, size != (frame.width, frame.height), !frame.pixels.isEmpty else {
            try check(frame)
            return frame
        }
        return FrameResampler(
            target: .exact(width: size.width, height: size.height), filter: .bilinear, width: size.width,
            height: size.height
        ).resampled(frame)
    }

    /// Checks that a frame has pixels, and the size that this encoder states.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument``.
    public func check(_ frame: VideoFrame) throws(TokenReelError) {
        let size = frameSize ?? (frame.width, frame.height)
        guard size == (frame.width, frame.height), !frame.pixels.isEmpty else {
            throw TokenReelError(
                .invalidArgument, subject: "frame for \(name)", found: "\(frame.width) x \(frame.height) pixels",
                allowed: frame.pixels.isEmpty ? "at least one pixel" : "\(size.width) x \(size.height)",
                remedy: "scale the frame while decoding")
        }
    }
}
