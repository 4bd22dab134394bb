internal import Synchronization
internal import TokenCore
internal import TokenReduction
public import VideoDecoding
internal import VisionEncoding

/// The handle on a live reduction that runs on another thread: ends it, changes what it looks for, tells how far it is.
///
/// One control belongs to one run.
public final class LiveControl: Sendable {
    private struct State {
        var isFinishing = false
        var queries: [StandingQuery] = []
        var progress = LiveProgress()
        var frames: (any LiveFrames)?
        var memory: LiveMemory?
    }
    private let state = Mutex(State())

    /// A control for a run to come.
    public init() {}

    // MARK: For callers, on any thread

    /// Commits what waits and ends the run; frames that were not yet encoded are left out.
    public func finish() { state.withLock { $0.isFinishing = true } }

    /// Has the source give up its connection and make a new one.
    public func reopen() { state.withLock { $0.frames }?.reopen() }

    /// Looks for something from the next segment on; takes the place of a query of the same name.
    ///
    /// A query that does not fit the stream ends the run with an error; ``LiveReduction/check(_:)`` tells beforehand.
    public func add(_ query: StandingQuery) {
        state.withLock { state in
            if let place = state.queries.firstIndex(where: { $0.name == query.name }) {
                state.queries[place] = query
            } else {
                state.queries.append(query)
            }
        }
    }

    /// Looks for something no longer, from the next segment on; false if there is no query of this name.
    @discardableResult
    public func removeQuery(named name: String) -> Bool {
        state.withLock { state in
            let before = state.queries.count
            state.queries.removeAll { $0.name == name }
            return state.queries.count < before
        }
    }

    /// The names of what is looked for.
    public var queries: [String] { standingQueries.map(\.name) }

    /// How far the run has come.
    public var progress: LiveProgress { state.withLock { $0.progress } }

    /// What the source has done so far; all zero before the run.
    public var statistics: LiveStatistics { state.withLock { $0.frames }?.statistics ?? LiveStatistics() }

    /// What the stream's memory holds now; nil before the first segment, or without a memory.
    ///
    /// Its shape is that of the frames which the memory still refers to; see ``StreamMemory``.
    public func snapshot() -> StreamSnapshot? { state.withLock { $0.memory }?.snapshot }

    // MARK: For the run

    package var isFinishing: Bool { state.withLock { $0.isFinishing } }

    var standingQueries: [StandingQuery] { state.withLock { $0.queries } }

    func begin(_ frames: any LiveFrames, _ memory: LiveMemory?) {
        state.withLock { state in
            state.frames = frames
            state.memory = memory
        }
    }

    func fit(_ encoder: any FrameEncoder) { state.withLock { $0.memory?.encoder = encoder } }

    func remember(_ grid: TokenGrid, reducedBy plan: ReductionPlan, firstFrame: Int) {
        state.withLock { $0.memory?.memory.remember(grid, reducedBy: plan, firstFrame: firstFrame) }
    }

    func update(_ change: (inout LiveProgress) -> Void) { state.withLock { change(&$0.progress) } }
}

/// How far a live reduction has come.
public struct LiveProgress: Sendable, Equatable {
    /// Whether the source delivers.
    public internal(set) var isOpen = false
    /// Frames encoded so far.
    public internal(set) var frames = 0
    /// Frames that wait for their segment to be finished.
    public internal(set) var openFrames = 0
    /// Stream seconds of the last encoded frame; nil before the first.
    public internal(set) var seconds: Double?
    /// Segments committed so far.
    public internal(set) var segments = 0
    /// Tokens of committed segments before reduction.
    public internal(set) var tokensIn = 0
    /// Tokens of committed segments.
    public internal(set) var tokensOut = 0
    /// Gaps so far, failed attempts to end them counted once.
    public internal(set) var gaps = 0
}
