internal import ArgumentParser
internal import Dispatch
internal import Synchronization
internal import TokenCore
internal import TokenReel

/// Many reductions, some at the same time, told about in the order of the inputs.
struct ReduceBatch {
    let jobs: [ReduceJob]
    let simultaneous: Int
    let progress: ProgressDisplay

    /// Runs all jobs and calls `tell` with each outcome, in order, as soon as those before it are known.
    func run(tell: @escaping @Sendable (ReduceJob.Outcome) -> Void) -> [ReduceJob.Outcome] {
        struct Board {
            var outcomes: [ReduceJob.Outcome?]
            var told = 0
        }
        let next = Atomic<Int>(0)
        let board = Mutex(Board(outcomes: Array(repeating: nil, count: jobs.count)))
        DispatchQueue.concurrentPerform(iterations: min(simultaneous, jobs.count)) { _ in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < jobs.count else { return }
                let name = jobs[index].input.source.name
                let outcome = jobs[index].run { [progress] in progress.update(index, named: name, $0) }
                progress.finish()
                board.withLock { board in
                    board.outcomes[index] = outcome
                    while board.told < jobs.count, let outcome = board.outcomes[board.told] {
                        tell(outcome)
                        board.told += 1
                    }
                }
            }
        }
        return board.withLock { $0.outcomes.compactMap(\.self) }
    }

    /// The code that tells how a batch went.
    static func exitCode(_ outcomes: [ReduceJob.Outcome]) -> ExitCode {
        .init(failures: outcomes.compactMap(\.error), of: outcomes.count)
    }
}

extension ExitCode {
    /// The code that tells how the work on inputs went: of one input its own, of several whether any failed.
    init(failures: [TokenReelError], of count: Int) {
        if let interrupted = Interruption.exitCode {
            self = interrupted
        } else if let first = failures.first {
            self = count == 1 ? first.exitCode : failures.count < count ? ExitCode(2) : .failure
        } else {
            self = .success
        }
    }
}
