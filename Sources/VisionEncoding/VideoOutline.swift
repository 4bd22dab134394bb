/// What is known of a video's frames before the first is decoded.
public struct VideoOutline: Sendable, Equatable {
    /// Pixels per row of a frame.
    public var width: Int
    /// Rows of a frame.
    public var height: Int
    /// Frames that will be encoded; nil where that shows only at the end.
    public var frames: Int?
    /// Frames per second that the video has; nil where unknown.
    public var frameRate: Double?
    /// Frames per second that will be encoded; nil where unknown.
    public var sampledRate: Double?
    /// Which of the video's frames will be encoded, counted from 0; nil where unknown.
    public var frameIndices: [Int]?

    /// Makes an outline.
    public init(
        width: Int, height: Int, frames: Int? = nil, frameRate: Double? = nil, sampledRate: Double? = nil,
        frameIndices: [Int]? = nil
    ) {
        self.width = width
        self.height = height
        self.frames = frames
        self.frameRate = frameRate
        self.sampledRate = sampledRate
        self.frameIndices = frameIndices
    }
}
