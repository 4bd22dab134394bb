package import TokenCore

/// A video whose frames can be had, whether this process decodes it or another one does.
package protocol FrameSource: Sendable {
    /// How errors name it.
    var name: String { get }

    /// Opens the video and plans its decoding.
    ///
    /// - Throws: As ``VideoDecoder`` does.
    func open(_ options: DecodeOptions) throws(TokenReelError) -> any FrameStream
}

/// The wanted frames of an open video in order; belongs to one thread at a time.
package protocol FrameStream {
    /// What the container says about the video.
    var info: VideoInfo { get }
    /// Frames that there will be, where that is known.
    var expectedFrames: Int? { get }
    /// Which of the video's frames those are, counted from 0, where they are chosen by number.
    var frameIndices: [Int]? { get }
    /// Frames per second that there will be, where that is known.
    var sampledRate: Double? { get }
    /// What decoding took so far.
    var statistics: DecodeStatistics { get }

    /// The next wanted frame; nil at the end.
    ///
    /// - Throws: As ``VideoDecoder`` does.
    func next() throws(TokenReelError) -> VideoFrame?
}

extension VideoDecoder: FrameStream {}

extension VideoSource: FrameSource {
    package func open(_ options: DecodeOptions) throws(TokenReelError) -> any FrameStream {
        try VideoDecoder(self, options: options)
    }
}
