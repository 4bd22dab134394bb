internal import CLibrary
internal import Synchronization
internal import TokenReel

/// Shows how far the work has come: one line that is written over on a terminal, a line every ten seconds elsewhere.
final class ProgressDisplay: Sendable {
    private struct State {
        var finished = 0
        var started: [Int: ContinuousClock.Instant] = [:]
        var lastShown: ContinuousClock.Instant?
        var isLineOpen = false
    }
    private let state = Mutex(State())
    private let isShown: Bool
    private let total: Int
    private let interval: Duration = Terminal.isInteractive ? .milliseconds(100) : .seconds(10)

    /// - Parameter total: Number of inputs.
    init(isShown: Bool, total: Int) {
        self.isShown = isShown
        self.total = total
    }

    /// Takes news about one input.
    func update(_ index: Int, named name: String, _ progress: PipelineProgress) {
        update(index) { elapsed, finished, total in Self.line(name, progress, elapsed: elapsed, finished, total) }
    }

    /// Takes news about a comparison.
    func update(_ progress: ComparisonProgress) {
        update(0) { _, _, _ in "\(progress.done + 1) of \(progress.total) reductions  \(progress.method)" }
    }

    /// Shows a line about one input, unless another was shown just before.
    private func update(_ index: Int, line: (_ elapsed: Double, _ finished: Int, _ total: Int) -> String) {
        guard isShown else { return }
        let now = ContinuousClock.now
        state.withLock { state in
            let start = state.started[index] ?? now
            state.started[index] = start
            // Short work on a log shall not say anything before it is over.
            guard now - (state.lastShown ?? (Terminal.isInteractive ? now - interval : start)) >= interval else {
                return
            }
            if state.lastShown == nil, !Terminal.isInteractive, now - start < interval { return }
            state.lastShown = now
            show(line((now - start) / .seconds(1), state.finished, total), &state)
        }
    }

    /// Removes the line of an input that is done, so that other text can be written.
    func finish() {
        state.withLock { state in
            state.finished += 1
            clear(&state)
        }
    }

    static func line(
        _ name: String, _ progress: PipelineProgress, elapsed: Double, _ finished: Int, _ total: Int
    ) -> String {
        var parts = total > 1 ? ["\(finished + 1)/\(total)"] : []
        parts.append(Console.printable(name.count > 40 ? "…" + name.suffix(39) : name))
        switch progress.stage {
        case .reduce: parts.append("reducing \(progress.frames) frames")
        case .decode:
            guard let expected = progress.expectedFrames, expected >= progress.frames else {
                parts.append("\(progress.frames) frames")
                break
            }
            parts.append("\(progress.frames) of \(expected) frames")
            if progress.frames > 0, elapsed > 1 {
                let left = elapsed / Double(progress.frames) * Double(expected - progress.frames)
                parts.append("\(Figures.duration(left)) left")
            }
        }
        return parts.joined(separator: "  ")
    }

    private func show(_ line: String, _ state: inout State) {
        let text = Terminal.isInteractive ? "\r\u{1B}[K\(line)" : "\(line)\n"
        _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) }
        state.isLineOpen = Terminal.isInteractive
    }

    private func clear(_ state: inout State) {
        guard state.isLineOpen else { return }
        _ = "\r\u{1B}[K".withCString { write(STDERR_FILENO, $0, strlen($0)) }
        state.isLineOpen = false
    }
}
