public import TokenCore
internal import VideoDecoding

/// The pictures that the tokens of a file came from, decoded again from the video.
public struct SourcePictures: Sendable {
    /// What a user should know: that the video is another one, or that it can't be told.
    public let notices: [String]
    private let source: any FrameSource
    private let options: DecodeOptions
    private let frameTimes: [Double]

    /// Opens the video that a file of tokens was made from.
    ///
    /// - Throws: ``TokenReelError/Code/unsupportedInput`` for a token grid; ``TokenReelError/Code/unreadableInput`` and
    ///   ``TokenReelError/Code/cancelled`` from reading it for its digest.
    public init(
        of file: TokenSequenceFile, in input: OpenInput, limits: Limits = Limits(), cancellation: Cancellation? = nil
    ) throws(TokenReelError) {
        guard case .video(let source) = input.content else {
            throw TokenReelError(
                .unsupportedInput, subject: input.source.name, found: "a token grid", allowed: "a video")
        }
        let sampling = file.metadata["sampling"]
        var options = DecodeOptions()
        options.limits = limits
        options.cancellation = cancellation
        options.stream = sampling?.firstMatch(of: /"stream":(\d+)/).flatMap { Int($0.output.1) }
        let name = input.source.name
        let digest = try input.digest(cancellation: cancellation)
        var notices: [String] = []
        if sampling == nil {
            notices = ["The tokens were made from a grid, so nothing tells whether \(name) is their video."]
        } else if let recorded = file.metadata["sha256"], let digest, recorded != digest {
            notices = ["\(name) is not the file that the tokens were made from: its SHA-256 differs."]
        }
        self.init(source, frameTimes: file.sequence.frameTimes, options: options, notices: notices)
    }

    /// The pictures at times on the clock of a video that is open already.
    init(_ source: any FrameSource, frameTimes: [Double], options: DecodeOptions, notices: [String] = []) {
        self.source = source
        self.frameTimes = frameTimes
        self.options = options
        self.notices = notices
    }

    /// Decodes the pictures of some frames of the grid, ascending, and hands over each with its number.
    ///
    /// A frame whose time the video does not reach is left out.
    ///
    /// - Parameters:
    ///   - frames: Numbers of frames of the grid, ascending.
    ///   - edge: Pixels of the longer edge at most.
    ///   - body: Gets each number with its picture.
    /// - Throws: ``TokenReelError`` as ``VideoDecoder`` does, and what `body` throws.
    public func forEach(
        of frames: [Int], edge: Int, _ body: (_ frame: Int, _ picture: VideoFrame) throws(TokenReelError) -> Void
    ) throws(TokenReelError) {
        var options = options
        options.size = .within(edge: edge)
        options.sampling = .times(Set(frames.map { frameTimes[$0] }).sorted())
        let decoder = try source.open(options)
        var waiting = frames[...]
        var next = try decoder.next()
        while let picture = next, let frame = waiting.first {
            next = try decoder.next()
            // Several frames of the grid may share a picture.
            if next.map({ $0.pts.seconds <= frameTimes[frame] + Self.slack }) == true { continue }
            try body(frame, picture)
            waiting.removeFirst()
            while let frame = waiting.first, next.map({ frameTimes[frame] < $0.pts.seconds - Self.slack }) ?? false {
                try body(frame, picture)
                waiting.removeFirst()
            }
        }
    }

    /// Decodes every picture from the first frame of the grid on, and hands over each with the frame that was last
    /// sampled by then.
    ///
    /// - Throws: As ``forEach(of:edge:_:)``.
    public func forEachPicture(
        edge: Int, _ body: (_ frame: Int, _ picture: VideoFrame) throws(TokenReelError) -> Void
    ) throws(TokenReelError) {
        var options = options
        options.size = .within(edge: edge)
        options.sampling = .all
        let decoder = try source.open(options)
        // The last frame stays as long as any other.
        let gap = zip(frameTimes.dropFirst(), frameTimes).map { $0 - $1 }.max() ?? .infinity
        var frame = -1
        while let picture = try decoder.next() {
            let time = picture.pts.seconds
            while frame + 1 < frameTimes.count, frameTimes[frame + 1] <= time + Self.slack { frame += 1 }
            guard frame >= 0 else { continue }
            if frame == frameTimes.count - 1, time >= frameTimes[frame] + gap - Self.slack { break }
            try body(frame, picture)
        }
    }

    /// Slack for times that were rounded on their way.
    private static let slack = 1e-4
}
