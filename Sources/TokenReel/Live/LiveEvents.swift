public import TokenCore

extension LiveReduction {
    /// What ``run(_:control:receive:)`` tells, as a sequence; it runs on a thread of its own.
    ///
    /// The run is at most one event ahead of the reader, so a slow reader holds back a file or pipe, and makes a camera drop
    /// frames, which it counts. Cancelling the task, or dropping the iterator, finishes the run; events not yet read are lost.
    public func events(of frames: any LiveFrames, control: LiveControl = LiveControl()) -> LiveEvents {
        LiveEvents(reduction: self, frames: frames, control: control)
    }
}

/// The events of a live reduction, in order; ends when it does, or throws its ``TokenReelError``.
///
/// There is one run, which starts when its first event is asked for. Only one iterator gets events.
public struct LiveEvents: AsyncSequence, Sendable {
    fileprivate let reduction: LiveReduction
    fileprivate let frames: any LiveFrames
    fileprivate let control: LiveControl
    fileprivate let handover = Handover<LiveReductionEvent>()

    init(reduction: LiveReduction, frames: any LiveFrames, control: LiveControl) {
        self.reduction = reduction
        self.frames = frames
        self.control = control
    }

    /// The reader of the events.
    public func makeAsyncIterator() -> Iterator { Iterator(self) }

    /// Reads the events.
    public final class Iterator: AsyncIteratorProtocol {
        private let events: LiveEvents
        private var isRunning = false

        fileprivate init(_ events: LiveEvents) { self.events = events }

        deinit { if isRunning { events.finish() } }

        /// Waits for the next event; nil when the run is over.
        public func next() async throws(TokenReelError) -> LiveReductionEvent? {
            if !isRunning {
                guard events.handover.claim() else { return nil }
                isRunning = true
                events.start()
            }
            return try await withTaskCancellationHandler {
                await events.handover.receive()
            } onCancel: { [events] in
                events.finish()
            }.get()
        }
    }

    private func start() {
        DedicatedThread { [reduction, frames, control, handover] in
            do throws(TokenReelError) {
                try reduction.run(frames, control: control) { event throws(TokenReelError) in
                    handover.send(.success(event))
                }
                handover.send(.success(nil))
            } catch {
                handover.send(.failure(error))
            }
        }.detach()
    }

    private func finish() {
        control.finish()
        handover.close()
    }
}
