/// Remembers the first tokens of a stream and the most recent: ``SinkWindow`` over reduced tokens.
struct SinkWindowKeeper: MemoryKeeper {
    private var window: SinkWindow<MemoryToken>

    init(capacity: Int) {
        let sinks = max(capacity / 8, 1)
        window = SinkWindow(sinks: sinks, recent: capacity - sinks)
    }

    var tokens: [MemoryToken] { window.entries }

    mutating func remember(_ segment: MemorySegment) {
        for token in segment.tokens { _ = window.append(token) }
    }

    mutating func forget(allBut frames: Set<Int>, cells: Int) {
        window.update { $0.forget(allBut: frames, cells: cells) }
    }
}
