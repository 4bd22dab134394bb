internal import ArgumentParser
internal import Dispatch
internal import TokenCore
internal import TokenReel

/// Streams at work, each on a thread of its own, with an eye on signals.
struct StreamSession {
    let runs: [StreamRun]
    let records: RecordOutput
    let control: StreamControl?
    let reporter: StreamReporter
    let console: Console

    /// Seconds that streams have to finish once they are told to.
    private static let grace = 1.8

    /// Returns once all streams have ended, or were given the time to.
    func run() -> ExitCode {
        Interruption.watchHangups()
        let group = DispatchGroup()
        for run in runs {
            group.enter()
            DedicatedThread {
                run.run()
                group.leave()
            }.detach()
        }
        control?.start()
        reporter.start()
        let hasEnded = watch(group)
        control?.stop()
        reporter.stop(within: hasEnded ? 1 : 0.1)
        if !hasEnded { console.say("gave up waiting for the open segments") }
        if let failure = records.failure {
            console.report(failure)
            return ExitCode(failures: [failure], of: 1)
        }
        let code = ExitCode(failures: runs.compactMap(\.error), of: runs.count)
        return code == .success && runs.contains(where: \.hasLostSegments) ? .failure : code
    }

    /// Sees to everything else until all streams have ended; false if they take too long to.
    private func watch(_ group: DispatchGroup) -> Bool {
        var hangups = 0
        var deadline: ContinuousClock.Instant?
        while group.wait(timeout: .now() + .milliseconds(50)) == .timedOut {
            if let deadline {
                guard .now < deadline else { return false }
            } else if Interruption.cancellation.isCancelled || records.failure != nil {
                deadline = .now + .seconds(Self.grace)
                for run in runs { run.control.finish() }
            }
            if Interruption.hangupCount != hangups {
                hangups = Interruption.hangupCount
                for run in runs { run.control.reopen() }
            }
        }
        return true
    }
}
