internal import ArgumentParser
internal import Dispatch
internal import TokenCore
internal import TokenReel

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Streams at work, each on a thread of its own, and what is to be seen to meanwhile: signals, figures, control lines.
struct StreamSession {
    let runs: [StreamRun]
    let records: RecordOutput
    let control: StreamControl?
    let statusFile: String?
    let console: Console
    /// Whether the log gets a line a minute.
    let tellsMinutes: Bool

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
        let hasEnded = watch(group)
        control?.stop()
        writeStatus()
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
        let clock = ContinuousClock()
        var (nextStatus, nextMinute, deadline) = (clock.now, clock.now + .seconds(60), clock.now)
        var hangups = 0
        var isEnding = false
        while group.wait(timeout: .now() + .milliseconds(50)) == .timedOut {
            let now = clock.now
            if isEnding {
                guard now < deadline else { return false }
            } else if Interruption.cancellation.isCancelled || records.failure != nil {
                isEnding = true
                deadline = now + .seconds(Self.grace)
                for run in runs { run.control.finish() }
            }
            if Interruption.hangupCount != hangups {
                hangups = Interruption.hangupCount
                for run in runs { run.control.reopen() }
            }
            if now >= nextStatus {
                nextStatus = now + .seconds(1)
                writeStatus()
            }
            if now >= nextMinute {
                nextMinute += .seconds(60)
                tellMinute()
            }
        }
        return true
    }

    private func tellMinute() {
        records.write("status", Self.status(of: runs))
        for run in runs { run.keepMemory() }
        for line in runs.map({ $0.minute() }) where tellsMinutes { console.say(line) }
    }

    private func writeStatus() {
        guard let statusFile else { return }
        do throws(TokenReelError) {
            try OutputFile.write(Self.status(of: runs).text + "\n", to: statusFile, isDurable: false)
        } catch {
            console.report(error)
        }
    }

    /// The figures of this process and its streams.
    static func status(of runs: [StreamRun]) -> JSONValue {
        .object(
            ReduceJSON.header
                + ReduceJSON.object(
                    .members([
                        "pid": .integer(Int(getpid())), "time": .number(WallClock.seconds(at: .now)),
                        "memory_bytes": ProcessMemory.currentBytes.map(JSONValue.integer),
                        "peak_memory_bytes": .integer(ProcessMemory.peakBytes),
                        "streams": .array(runs.map(\.status)),
                    ])))
    }
}
