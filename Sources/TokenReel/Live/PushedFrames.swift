internal import Synchronization
package import TokenCore
package import VideoDecoding
package import VisionEncoding

/// A live source whose frames a program hands over, one by one.
package final class PushedFrames: LiveFrames {
    private struct End {
        var last: MediaTime?
        var isClosed = false
    }
    /// The last frame so far; held while a frame goes in, so that those of several threads stay in order.
    private let end = Mutex(End())
    private let count = Atomic<Int>(0)
    private let events = BoundedQueue<LiveEvent>(capacity: 4)
    private let encoder: any FrameEncoder

    /// Nanoseconds: two frames that a `Double` of seconds tells apart for a year are apart.
    private static let timeBase = Rational(1, 1_000_000_000)
    private static let latest = 1e9

    /// Frames for an encoder, whatever size they come in.
    package init(for encoder: any FrameEncoder) { self.encoder = encoder }

    /// Hands over the next frame; waits until there is room for it.
    ///
    /// - Returns: Whether somebody still takes frames.
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for a frame without pixels, one that is shown no later than the
    ///   one before, and one after the last.
    package func push(
        width: Int, height: Int, pixels: [UInt8], seconds: Double
    ) throws(TokenReelError) -> Bool {
        guard let timeBase = Self.timeBase, seconds.magnitude <= Self.latest else {
            throw Self.invalid("a frame at \(seconds) s", "within \(Self.latest) s of 0")
        }
        let pts = MediaTime(ticks: Int64((seconds * Double(timeBase.denominator)).rounded()), timeBase: timeBase)
        let frame = try encoder.resized(VideoFrame(width: width, height: height, pixels: pixels, pts: pts))
        return try end.withLock { end throws(TokenReelError) in
            guard !end.isClosed else { throw Self.invalid("a frame after the last", "none") }
            if let last = end.last, pts <= last {
                throw Self.invalid("a frame at \(seconds) s after one at \(last.seconds) s", "a later one")
            }
            end.last = pts
            count.add(1, ordering: .relaxed)
            return events.send(.frame(frame, arrival: .now))
        }
    }

    /// No frame follows.
    package func finish() {
        end.withLock { end in
            if !end.isClosed { _ = events.send(.ended) }
            end.isClosed = true
        }
    }

    private static func invalid(_ found: String, _ allowed: String) -> TokenReelError {
        TokenReelError(.invalidArgument, subject: "stream", found: found, allowed: allowed)
    }

    // MARK: LiveFrames

    package func next(timeout seconds: Double) -> LiveEvent? { events.receive(within: seconds) }
    package func reopen() {}
    package func close() { events.close() }
    package var statistics: LiveStatistics {
        var statistics = LiveStatistics()
        statistics.framesRead = count.load(ordering: .relaxed)
        statistics.framesSampled = statistics.framesRead
        return statistics
    }
}
