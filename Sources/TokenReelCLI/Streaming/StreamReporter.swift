internal import Dispatch
internal import TokenCore
internal import TokenReel

/// Keeps the status file current, and tells the log every minute how the streams do.
///
/// On a thread of its own: a disk or a reader of the log that hangs must not keep the command from ending.
final class StreamReporter: Sendable {
    private let runs: [StreamRun]
    private let records: RecordOutput
    private let statusFile: String?
    private let console: Console
    /// Whether the log gets a line for people too.
    private let tellsMinutes: Bool
    private let stopped = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    /// - Throws: ``TokenReelError/Code/inputOutput`` if the status file can't be written.
    init(
        runs: [StreamRun], records: RecordOutput, statusFile: String?, console: Console, tellsMinutes: Bool
    ) throws(TokenReelError) {
        self.runs = runs
        self.records = records
        self.statusFile = statusFile
        self.console = console
        self.tellsMinutes = tellsMinutes
        try writeStatus()
    }

    /// Starts to report.
    func start() {
        DedicatedThread { [self] in
            let clock = ContinuousClock()
            var nextMinute = clock.now + .seconds(60)
            var isWritable = true
            while stopped.wait(timeout: .now() + .seconds(1)) == .timedOut {
                do throws(TokenReelError) {
                    try writeStatus()
                    isWritable = true
                } catch {
                    // Once, not every second.
                    if isWritable { console.report(error) }
                    isWritable = false
                }
                guard clock.now >= nextMinute else { continue }
                nextMinute += .seconds(60)
                tellMinute()
            }
            try? writeStatus()
            ended.signal()
        }.detach()
    }

    /// Reports no longer, and leaves the last figures in the status file, if that can be done in time.
    func stop(within seconds: Double) {
        stopped.signal()
        _ = ended.wait(timeout: .now() + seconds)
    }

    private func writeStatus() throws(TokenReelError) {
        guard let statusFile else { return }
        try OutputFile.write(StreamStatus.json(of: runs).text + "\n", to: statusFile, isDurable: false)
    }

    private func tellMinute() {
        records.write("status", StreamStatus.json(of: runs))
        for run in runs { run.keepMemory() }
        for line in runs.map({ $0.minute() }) where tellsMinutes { console.say(line) }
    }
}
