public import TokenCore

/// Turns a picture into a grid of visual tokens.
///
/// An encoder holds no state between frames, so frames may be encoded in any order and on any number of threads with the
/// same result.
public protocol FrameEncoder: Sendable {
    /// The name written into token files, such as `descriptor`.
    var name: String { get }
    /// The size in pixels that frames must have; nil if any size will do.
    var frameSize: (width: Int, height: Int)? { get }
    /// Token rows of a frame.
    var rows: Int { get }
    /// Token columns of a frame.
    var columns: Int { get }
    /// Numbers of one token.
    var channels: Int { get }
    /// The side of the square in the middle of a frame that is encoded, as a share of the frame's shorter edge; nil
    /// where the whole frame is.
    var centreShare: Double? { get }
    /// What a user should know about how this encoder works, such as that it could not work as asked; usually none.
    var notices: [String] { get }
    /// Whether ``encode(_:tokens:saliency:)`` writes saliency.
    var providesSaliency: Bool { get }

    /// Encodes one frame.
    ///
    /// - Parameters:
    ///   - frame: A picture of ``frameSize``.
    ///   - tokens: Receives `[rows, columns, channels]`, row-major.
    ///   - saliency: Receives `[rows, columns]`, each in 0…1, if ``providesSaliency``; untouched otherwise.
    /// - Throws: ``TokenReelError/Code/invalidArgument`` if the frame or a buffer has another size.
    func encode(
        _ frame: VideoFrame, tokens: UnsafeMutableBufferPointer<Float>, saliency: UnsafeMutableBufferPointer<Float>
    ) throws(TokenReelError)

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
    /// The whole frame.
    public var centreShare: Double? { nil }

    /// Checks that a frame and the buffers for its tokens have the sizes that this encoder states.
    func check(
        _ frame: VideoFrame, tokens: UnsafeMutableBufferPointer<Float>, saliency: UnsafeMutableBufferPointer<Float>
    ) throws(TokenReelError) {
        if let size = frameSize, size != (frame.width, frame.height) {
            throw TokenReelError(
                .invalidArgument, subject: "frame for \(name)", found: "\(frame.width) x \(frame.height) pixels",
                allowed: "\(size.width) x \(size.height)", remedy: "scale the frame while decoding")
        }
        let cells = rows * columns
        guard tokens.count == cells * channels else {
            throw TokenReelError(
                .invalidArgument, subject: "token buffer for \(name)", found: "\(tokens.count) numbers",
                allowed: "\(cells * channels) for \(rows) x \(columns) tokens of \(channels)")
        }
        guard !providesSaliency || saliency.count == cells else {
            throw TokenReelError(
                .invalidArgument, subject: "saliency buffer for \(name)", found: "\(saliency.count) numbers",
                allowed: "\(cells) for \(rows) x \(columns) tokens")
        }
    }
}
