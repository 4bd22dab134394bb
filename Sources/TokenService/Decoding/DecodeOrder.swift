internal import TokenCore
internal import VideoDecoding

/// What a decoding process is asked to do; the video itself is its standard input.
struct DecodeOrder: Codable, Sendable {
    let sampling: FrameSampling
    let start: Double?
    let end: Double?
    let size: FrameSize
    let stream: Int?
    let limits: Limits
    let threads: Int
    /// Bytes of address space that the process may take.
    let memory: Int

    init(_ options: DecodeOptions, memory: Int) {
        sampling = options.sampling
        start = options.start
        end = options.end
        size = options.size
        stream = options.stream
        limits = options.limits
        threads = max(options.threads, 1)
        self.memory = memory
    }

    var options: DecodeOptions {
        var options = DecodeOptions()
        options.sampling = sampling
        options.start = start
        options.end = end
        options.size = size
        options.stream = stream
        options.limits = limits
        options.threads = threads
        return options
    }
}
