import Synchronization
import TokenCore
import TokenReel
import VideoDecoding

/// A live source that plays back what it was given.
final class RecordedFrames: LiveFrames {
    private struct State {
        var events: [LiveEvent]
        var isClosed = false
        var reopenings = 0
    }
    private let state: Mutex<State>
    /// Whether the source ends after its last event, instead of staying silent.
    private let ends: Bool
    /// What it says of its rate.
    let sampleRate: Double?

    init(_ events: [LiveEvent], ends: Bool = true, claiming sampleRate: Double? = nil) {
        state = Mutex(State(events: events.reversed()))
        self.ends = ends
        self.sampleRate = sampleRate
    }

    /// The frames of a video as they come, without further notice at the size of the built-in encoder.
    convenience init(
        _ source: VideoSource, rate: Double, size: FrameSize = .exactly(width: 224, height: 224),
        claiming sampleRate: Double? = nil
    ) throws {
        var options = DecodeOptions()
        options.sampling = .rate(rate)
        options.size = size
        let decoder = try VideoDecoder(source, options: options)
        var events: [LiveEvent] = [.opened(decoder.info, attempt: 1)]
        while let frame = try decoder.next() { events.append(.frame(frame, arrival: .now)) }
        self.init(events, claiming: sampleRate)
    }

    func next(timeout seconds: Double) -> LiveEvent? {
        state.withLock { state in
            if state.isClosed { return .ended }
            return state.events.popLast() ?? (ends ? .ended : nil)
        }
    }

    func reopen() { state.withLock { $0.reopenings += 1 } }
    func close() { state.withLock { $0.isClosed = true } }

    var statistics: LiveStatistics {
        var statistics = LiveStatistics()
        statistics.reopenings = state.withLock { $0.reopenings }
        return statistics
    }
    var isClosed: Bool { state.withLock { $0.isClosed } }
    /// Events nobody has asked for yet.
    var unread: Int { state.withLock { $0.events.count } }
}
