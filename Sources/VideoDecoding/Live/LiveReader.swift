internal import CFFmpeg
internal import CLibrary
internal import TokenCore

/// The work of a live source's thread: connect, read, sample, convert, and begin again when the source goes away.
final class LiveReader {
    private let source: LiveSource
    private let options: LiveOptions
    private let queue: EventQueue
    private let signals: LiveSignals
    private var backoff: Backoff
    /// Failed attempts since the source last delivered.
    private var failures = 0
    /// Whether the present connection has brought a picture.
    private var delivers = false

    /// The unit of the whole stream's times.
    private var timeBase = Rational.one
    private var clock = LiveClock(ticksPerSecond: 1)
    private var selector: FrameSelector?
    /// The time of the picture that the selector has still to be told, because it was not known how long it stays.
    private var before: Int64?
    private var converter: PictureConverter?
    /// The latest picture, on screen until the next one comes.
    private let held: Picture
    private var heldArrival = ContinuousClock.now
    /// When a file that is played at its own speed began.
    private var began: ContinuousClock.Instant?

    init(_ source: LiveSource, _ options: LiveOptions, _ queue: EventQueue, _ signals: LiveSignals)
        throws(TokenReelError)
    {
        self.source = source
        self.options = options
        self.queue = queue
        self.signals = signals
        backoff = Backoff(options.backoff, seed: options.seed)
        held = try Picture()
    }

    /// Reads until the source is over or closed.
    func run() {
        repeat {
            guard let gap = connect(), !signals.isClosed else { break }
            queue.send(.gap(gap))
        } while !source.isLossless && signals.wait(seconds: backoff.seconds(afterFailures: failures))
        queue.end()
    }

    /// Makes one connection and delivers what it brings; says why it ended, nil if it came to its orderly end.
    private func connect() -> LiveGap? {
        let watch = Watch(stallSeconds: source.isLossless ? .infinity : options.stallSeconds) { [signals] in
            signals.interrupts
        }
        signals.beginConnection()
        delivers = false
        var connection: LiveConnection?
        var failure: TokenReelError?
        do throws(TokenReelError) {
            let opened = try LiveConnection(source, limits: options.limits.endless(), watch: watch)
            connection = opened
            try deliver(opened, watch)
        } catch {
            failure = error
        }
        if !delivers { failures += 1 }
        let since = clock.last.map { MediaTime(ticks: $0, timeBase: timeBase).seconds }
        guard let (reason, detail) = explain(failure, connection, watch) else { return nil }
        return LiveGap(reason: reason, detail: detail, since: since, attempt: failures)
    }

    private func deliver(_ connection: LiveConnection, _ watch: Watch) throws(TokenReelError) {
        let picture = try Picture()
        var failure: TokenReelError?
        do throws(TokenReelError) {
            while try connection.next(picture) {
                watch.picture()
                try take(picture, from: connection)
            }
        } catch {
            failure = error
            // What had arrived by then is part of the stream.
            connection.finish()
            while (try? connection.next(picture)) == true, (try? take(picture, from: connection)) != nil {}
        }
        // It may lie in memory that goes away with the connection.
        defer { held.clear() }
        if let time = clock.finish() { try show(at: time, until: nil, connection) }
        if let failure { throw failure }
    }

    /// Takes note of a picture, which settles the time of the one before.
    private func take(_ picture: borrowing Picture, from connection: LiveConnection) throws(TokenReelError) {
        if !delivers { begin(connection) }
        let bytes = connection.takeBytes()
        queue.count {
            $0.framesRead += 1
            $0.bytesRead += bytes
        }
        let arrival = connection.arrival(of: picture)
        if let (time, next) = clock.advance(to: connection.stamp(of: picture), arrival: arrival) {
            try show(at: time, until: next, connection)
        }
        held.take(picture)
        heldArrival = arrival
    }

    /// Sets up for the pictures of a connection, of which the first has come.
    private func begin(_ connection: LiveConnection) {
        if selector == nil {
            timeBase = connection.timeBase
            clock = LiveClock(ticksPerSecond: Int64(timeBase.denominator) / Int64(timeBase.numerator))
            selector = FrameSelector(
                .rate(options.sampleRate), start: nil, end: nil, secondsPerTick: timeBase.value, span: nil)
        } else {
            queue.count { $0.reopenings += 1 }
        }
        clock.connect(connection.stamps, interval: connection.interval)
        converter = PictureConverter(
            size: options.size, orientation: connection.orientation, limits: options.limits)
        queue.send(.opened(connection.info, attempt: failures + 1))
        delivers = true
        failures = 0
    }

    /// Delivers the held picture if it is wanted, given its time and that of the next one as it looks for now.
    private func show(at time: Int64, until next: Int64?, _ connection: LiveConnection) throws(TokenReelError) {
        // Now it is known for good until when the picture before was on screen.
        if let before { _ = selector?.wants(before, isKey: false, next: time) }
        before = time
        // A copy decides, so that a next time that turns out wrong can not use up moments that are still to come.
        var trial = selector
        let isWanted = trial?.wants(time, isKey: false, next: next, duration: connection.duration(of: held))
        if next == nil { (selector, before) = (trial, nil) }
        guard isWanted == true, let converter else { return }
        let pts = MediaTime(ticks: time, timeBase: timeBase)
        if source.realtime, source.isLossless {
            let start = began ?? .now
            began = start
            heldArrival = start + .seconds(pts.seconds)
            signals.wait(until: heldArrival)
        }
        let frame = try converter.convert(held, aspect: connection.aspect, pts: pts)
        queue.count { $0.framesSampled += 1 }
        queue.send(.frame(frame, arrival: heldArrival))
    }

    /// Why a connection is over; nil where it came to the end that a pipe or file has.
    private func explain(
        _ failure: TokenReelError?, _ connection: LiveConnection?, _ watch: Watch
    ) -> (LiveGap.Reason, String)? {
        let isDevice = source.kind == .device
        if signals.isReopening { return (.reopened, "a new connection was asked for") }
        if isDevice, access(source.location, F_OK) != 0 { return (.unplugged, "the device is gone") }
        if watch.isStalled, let failure {
            // A decoder keeps some packets for good reason, but not that many.
            let packets = connection?.packetsWithoutPicture ?? 0
            return packets > 32 ? (.damaged, "no picture in \(packets) packets") : (.stall, failure.found)
        }
        if let failure {
            let isReset = failure.code == .inputOutput
            return (isReset ? (connection == nil ? .refused : .reset) : .damaged, failure.found)
        }
        if let (code, text) = connection?.failure {
            return (isDevice ? .unplugged : code == cff_error_invalid_data ? .damaged : .reset, text)
        }
        if !delivers { return (.damaged, "a video stream of which no picture could be decoded") }
        return source.isLossless ? nil : (.end, "the sender ended the stream")
    }
}
