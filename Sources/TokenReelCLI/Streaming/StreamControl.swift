internal import Synchronization
internal import TokenCore
internal import TokenReel

/// Does what the lines of the control file ask for, and answers each with a record.
final class StreamControl: Sendable {
    private let follower: Mutex<LineFollower>
    private let runs: [StreamRun]
    private let records: RecordOutput
    private let model: ModelOptions
    private let stopped = Cancellation()

    init(path: String, runs: [StreamRun], records: RecordOutput, model: ModelOptions) throws(TokenReelError) {
        // Now, because a name that leads nowhere is better told before the streams start.
        follower = Mutex(try LineFollower(path))
        self.runs = runs
        self.records = records
        self.model = model
    }

    /// Starts to follow the file, on a thread of its own.
    func start() {
        DedicatedThread { [self] in
            while !stopped.isCancelled, let lines = follower.withLock({ $0.next(milliseconds: 100) }) {
                for line in lines { answer(line) }
            }
        }.detach()
    }

    /// Follows it no longer.
    func stop() { stopped.cancel() }

    /// A line that can't be followed changes nothing and is answered with an error.
    private func answer(_ line: LineFollower.Line) {
        guard case .text(let text) = line else {
            let error = TokenReelError(
                .limitExceeded, subject: "control line", found: "a line without an end",
                allowed: "\(LineFollower.longest) bytes")
            return records.write("error", .members(["error": error.json]))
        }
        guard text.contains(where: { !$0.isWhitespace }) else { return }
        do throws(TokenReelError) {
            let order = try ControlLine(text)
            let meant = runs.filter { $0.name == order.stream ?? $0.name }
            guard !meant.isEmpty else {
                throw TokenReelError(
                    .invalidArgument, subject: "control line", found: "a stream \"\(order.stream ?? "")\"",
                    allowed: runs.map(\.name).joined(separator: ", "))
            }
            try follow(order.action, meant)
        } catch {
            records.write(
                "error", .members(["line": .string(String(text.prefix(200))), "error": error.json]))
        }
    }

    private func follow(_ action: ControlLine.Action, _ runs: [StreamRun]) throws(TokenReelError) {
        switch action {
        case .add(let name, let source):
            // All streams have the same encoder, so a query that suits one suits all.
            let query = try source.standing(name, for: runs[0].reduction.pipeline, model)
            try runs[0].reduction.check(query)
            for run in runs { run.control.add(query) }
            acknowledge("added", name, runs)
        case .remove(let name):
            let removed = runs.filter { $0.control.removeQuery(named: name) }
            guard !removed.isEmpty else {
                throw TokenReelError(
                    .invalidArgument, subject: "remove", found: "no query \"\(name)\"",
                    allowed: runs.flatMap(\.control.queries).joined(separator: ", "))
            }
            acknowledge("removed", name, removed)
        case .snapshot(let path):
            guard path == nil || runs.count == 1 else {
                throw TokenReelError(
                    .invalidArgument, subject: "snapshot", found: "one file for \(runs.count) streams",
                    remedy: "name the stream, or leave the file to each")
            }
            for run in runs {
                let file = try run.writeSnapshot(to: path)
                records.write("snapshot", of: run.name, .members(["file": .string(file)]))
            }
        case .status:
            records.write("status", StreamStatus.json(of: runs))
        case .reopen:
            for run in runs { run.control.reopen() }
        case .finish:
            for run in runs { run.control.finish() }
        }
    }

    private func acknowledge(_ change: String, _ query: String, _ runs: [StreamRun]) {
        let names = JSONValue.array(runs.map { .string($0.name) })
        records.write(change, .members(["name": .string(query), "streams": names]))
    }
}
