internal import Dispatch
public import TokenCore

/// The wanted frames of a video as an asynchronous sequence, decoded on a thread of their own.
///
/// Nothing is decoded ahead: each request decodes up to the next wanted frame. Cancelling the task that iterates stops
/// the decoder, also inside a blocking read.
///
/// ```swift
/// for try await frame in VideoFrames(.file("clip.mp4")) { print(frame.pts.seconds) }
/// ```
public struct VideoFrames: AsyncSequence, Sendable {
    private let source: VideoSource
    private let options: DecodeOptions

    /// Describes the sequence; each iteration opens the source anew.
    public init(_ source: VideoSource, options: DecodeOptions = DecodeOptions()) {
        self.source = source
        self.options = options
    }

    /// Starts an iteration; the source is opened at the first request.
    public func makeAsyncIterator() -> Iterator { Iterator(DecodingThread(source, options)) }

    /// One pass over the frames.
    public struct Iterator: AsyncIteratorProtocol {
        private let thread: DecodingThread

        fileprivate init(_ thread: DecodingThread) { self.thread = thread }

        /// The next wanted frame; nil at the end.
        ///
        /// - Throws: ``TokenReelError`` as ``VideoDecoder`` does; code `cancelled` once the task is cancelled.
        public func next() async throws -> VideoFrame? {
            let thread = thread
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { thread.request($0) }
            } onCancel: {
                thread.cancellation.cancel()
            }
        }
    }
}

/// A decoder on a serial queue, which keeps its blocking calls off Swift's shared threads.
// @unchecked Sendable holds because `decoder` is touched only inside blocks of the serial queue, one at a time; all
// else is immutable and Sendable.
private final class DecodingThread: @unchecked Sendable {
    let cancellation: Cancellation
    private let queue = DispatchQueue(label: "tokenreel.decoding")
    private let source: VideoSource
    private let options: DecodeOptions
    private var decoder: VideoDecoder?

    init(_ source: VideoSource, _ options: DecodeOptions) {
        self.source = source
        cancellation = options.cancellation ?? Cancellation()
        var options = options
        options.cancellation = cancellation
        self.options = options
    }

    /// Decodes up to the next frame and hands it over.
    func request(_ continuation: CheckedContinuation<VideoFrame?, any Error>) {
        queue.async { [self] in
            continuation.resume(
                with: Result {
                    let decoder = try decoder ?? VideoDecoder(source, options: options)
                    self.decoder = decoder
                    return try decoder.next()
                })
        }
    }
}
