internal import ArgumentParser
internal import TokenReduction
internal import TokenReel

/// How much of a stream may wait for a segment to be finished.
struct StreamWindowOptions: ParsableArguments {
    @Option(help: "Frames after which a segment is finished even if it could still grow.")
    var window = StreamWindow().frames

    @Option(
        help: ArgumentHelp("Seconds of video after which a segment is finished likewise.", valueName: "seconds"))
    var maxLatency: Double?

    var streamWindow: StreamWindow { StreamWindow(frames: window, seconds: maxLatency) }
}
