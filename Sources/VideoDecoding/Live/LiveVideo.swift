internal import CLibrary
public import TokenCore

/// The sampled frames of a camera, an address, a pipe or a file, for as long as it runs, and again after it went away.
///
/// A thread of its own reads, decodes, chooses frames by their times and converts the chosen ones; ``next(timeout:)``
/// takes them from a short queue. When the reader is slower than a device or an address, the oldest frame in the queue is
/// dropped and counted; a pipe or file is held back instead. A device or address that ends, breaks or falls silent is
/// taken down whole and opened again, after a ``LiveEvent/gap(_:)``.
///
/// ```swift
/// let video = try LiveVideo(LiveSource("rtsp://camera/stream1"))
/// while let event = video.next(timeout: 60) {
///     if case .frame(let frame, _) = event { print(frame.pts.seconds) }
///     if case .ended = event { break }
/// }
/// ```
public final class LiveVideo: Sendable {
    /// Frames a second that are taken.
    public let sampleRate: Double?
    private let queue: EventQueue
    private let signals: LiveSignals

    /// Starts the thread, which opens the source; does not wait for it.
    ///
    /// - Throws: ``TokenReelError`` with code `invalidArgument` for options that make no sense and `unreadableInput` for a
    ///   file that is not there. All other trouble with the source is told by events.
    public init(_ source: LiveSource, options: LiveOptions = LiveOptions()) throws(TokenReelError) {
        try options.validate()
        sampleRate = options.sampleRate
        if source.kind == .file, access(source.location, R_OK) != 0 {
            let reason = strerror(errno).map { String(cString: $0) } ?? "error \(errno)"
            throw TokenReelError(
                .unreadableInput, subject: source.name, found: reason, allowed: "a readable file or pipe")
        }
        // Eight frames bridge a reader's short pauses, and are small beside what a decoder keeps.
        let queue = EventQueue(capacity: source.isLossless ? 2 : 8, dropsOldest: !source.isLossless)
        let signals = LiveSignals(for: source, cancellation: options.cancellation)
        (self.queue, self.signals) = (queue, signals)
        DedicatedThread {
            // Only memory can fail it.
            if let reader = try? LiveReader(source, options, queue, signals) { reader.run() }
            queue.end()
            signals.end()
        }.detach()
    }

    deinit {
        signals.close()
        queue.end()
    }

    /// Waits for what comes next, at most that many seconds; nil if nothing came.
    ///
    /// Call it from one thread. After the end it gives ``LiveEvent/ended`` again and again.
    public func next(timeout seconds: Double) -> LiveEvent? { queue.receive(timeout: seconds) }

    /// Gives up the connection of a device or an address and makes a new one at once.
    public func reopen() { signals.reopen() }

    /// Ends the stream, within a second.
    ///
    /// What is left and then ``LiveEvent/ended`` can still be taken with ``next(timeout:)``.
    public func close() {
        signals.close()
        queue.close()
        // A name that a server does not resolve can hold the thread for longer; it then ends on its own.
        signals.waitForEnd(seconds: 0.9)
        queue.end()
    }

    /// What has been done so far.
    public var statistics: LiveStatistics { queue.statistics }
}
