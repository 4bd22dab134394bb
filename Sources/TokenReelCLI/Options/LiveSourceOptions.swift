// Public, because the transports are, and so must be what they conform to.
public import ArgumentParser
internal import TokenCore
internal import TokenReel
public import VideoDecoding

extension LiveSource.Transport: ExpressibleByArgument {}

/// `1280x720`: pixels of a picture.
struct PictureSizeArgument: ExpressibleByArgument {
    let width: Int
    let height: Int

    init?(argument: String) {
        let sides = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard sides.count == 2, let width = sides[0], let height = sides[1], width > 0, height > 0 else { return nil }
        self.width = width
        self.height = height
    }
}

/// How live sources are received.
struct LiveSourceOptions: ParsableArguments {
    @Flag(help: "Play files at their own speed instead of as fast as they can be reduced.")
    var realtime = false

    @Option(help: "What carries RTSP: tcp or udp.")
    var transport: LiveSource.Transport = .tcp

    @Option(help: ArgumentHelp("The picture size to ask a camera device for.", valueName: "WxH"))
    var size: PictureSizeArgument?

    @Option(help: "Frames per second to ask a camera device for.")
    var rate: Double?

    @Option(help: ArgumentHelp("The pixel format to ask a camera device for, such as yuyv422.", valueName: "name"))
    var pixelFormat: String?

    @Option(help: "Seconds without a frame after which a device or address is opened anew.")
    var stall = 10.0

    @Option(help: "Pixels that one picture may have. (default: 33554432, which fits 8K)")
    var maxPixels: Int?

    mutating func validate() throws {
        if let rate, !(rate > 0) { throw ValidationError("--rate must be above 0, not \(rate).") }
        guard stall > 0 else { throw ValidationError("--stall must be above 0, not \(stall).") }
        if let maxPixels, maxPixels < 1 { throw ValidationError("--max-pixels must be 1 or more, not \(maxPixels).") }
    }

    /// The source that an argument names, received this way.
    func source(_ argument: String) throws(TokenReelError) -> LiveSource {
        var source = try LiveSource(argument)
        source.realtime = realtime
        source.transport = transport
        source.size = size.map { ($0.width, $0.height) }
        source.rate = rate
        source.pixelFormat = pixelFormat
        return source
    }

    /// How a source is sampled for a pipeline.
    func options(for pipeline: Pipeline) -> LiveOptions {
        var options = LiveOptions()
        if let rate = pipeline.sampleRate { options.sampleRate = rate }
        options.size = pipeline.decodeOptions.size
        options.stallSeconds = stall
        if let maxPixels { options.limits.pixelsPerFrame = maxPixels }
        return options
    }
}
