internal import Synchronization
internal import TokenCore
internal import TokenReduction
internal import TokenReel
internal import VideoDecoding

/// One source's way from frames to written segments.
final class StreamRun: Sendable {
    /// What records, figures and control lines call it.
    let name: String
    let control = LiveControl()
    let reduction: LiveReduction
    private let frames: any LiveFrames
    let destination: Destination
    private let dtype: TokenDType
    let figures = Mutex(StreamFigures())
    private let records: RecordOutput
    private let console: Console

    /// Where segments go besides their records.
    enum Destination: Sendable {
        case nowhere
        case folder(SegmentFolder)
        case descriptor(Int32)
    }

    init(
        name: String, frames: any LiveFrames, reduction: LiveReduction, destination: Destination, dtype: TokenDType,
        records: RecordOutput, console: Console
    ) {
        self.name = name
        self.frames = frames
        self.reduction = reduction
        self.destination = destination
        self.dtype = dtype
        self.records = records
        self.console = console
    }

    /// Why the stream ended; nil if it goes on, or just came to its end.
    var error: TokenReelError? { figures.withLock { $0.error } }

    /// Whether a segment could not be written.
    var hasLostSegments: Bool { figures.withLock { $0.segmentsLost > 0 } }

    /// Goes on until the source ends or the control says so; blocks.
    func run() {
        var failure: TokenReelError?
        do throws(TokenReelError) {
            try reduction.run(frames, control: control) { event throws(TokenReelError) in try take(event) }
            // A file or pipe without a single frame was none that can be read.
            if let gap = figures.withLock({ $0.gap }), control.progress.frames == 0, !control.isFinishing {
                throw TokenReelError(.unreadableInput, subject: name, found: gap.detail)
            }
        } catch {
            failure = error
        }
        keepMemory()
        figures.withLock { $0.ended(failure) }
        records.write("ended", of: name, .members(["error": failure?.json]))
        if let failure { console.report(failure) }
    }

    private func take(_ event: LiveReductionEvent) throws(TokenReelError) {
        switch event {
        case .opened(let info, let attempt):
            figures.withLock { $0.opened() }
            records.write(
                "opened", of: name, .members(["attempt": .integer(attempt), "video": info.json]))
            console.detail("\(Console.printable(name)): \(ReduceText.describe(info))")
        case .segment(let segment):
            try take(segment)
        case .gap(let gap):
            let isNew = figures.withLock { $0.interrupted(gap) }
            // Attempts that fail are told, but would fill the index of a camera that stays away.
            if isNew, case .folder(let folder) = destination {
                _ = try attempt(losing: nil) { () throws(TokenReelError) in try folder.write(gap) }
            }
            records.write("gap", of: name, gap.json(at: .now))
            console.detail("\(Console.printable(name)): no frames: \(Console.printable(gap.detail))")
        }
    }

    private func take(_ segment: CommittedSegment) throws(TokenReelError) {
        let written = try attempt(losing: segment) { () throws(TokenReelError) in
            switch destination {
            case .nowhere: SegmentRecord(segment)
            case .folder(let folder): try folder.write(segment, dtype: dtype)
            case .descriptor(let descriptor): try segment.writeWithLength(to: descriptor, dtype: dtype)
            }
        }
        guard let record = written else { return }
        let waits = figures.withLock { $0.written(segment, record) }
        let timing = JSONValue.members([
            "latency": .members(["first": .number(waits.upperBound), "last": .number(waits.lowerBound)]),
            "seconds": segment.stages.json,
        ])
        records.write("segment", of: name, record.json.joined(with: timing))
        let stages = segment.stages.map { "\($0.stage) \(Figures.fixed($0.seconds, 3))" }.joined(separator: ", ")
        console.detail("\(Console.printable(name)): segment \(record.id), seconds: \(stages)")
    }

    /// Writes something; a disk that is full now may have room for the next, while a pipe with a hole is of no use.
    private func attempt<Value>(
        losing segment: CommittedSegment?, _ write: () throws(TokenReelError) -> Value
    ) throws(TokenReelError) -> Value? {
        do throws(TokenReelError) {
            return try write()
        } catch {
            guard case .folder = destination else { throw error }
            if segment != nil { figures.withLock { $0.lost() } }
            let frames = segment.map {
                JSONValue.array([.integer($0.frames.lowerBound), .integer($0.frames.upperBound)])
            }
            records.write("lost", of: name, .members(["frames": frames, "error": error.json]))
            console.report(error)
            return nil
        }
    }

    // MARK: Memory

    /// Writes what is remembered of the stream to a file, by itself to one in the stream's folder.
    ///
    /// - Returns: The file.
    @discardableResult
    func writeSnapshot(to path: String? = nil) throws(TokenReelError) -> String {
        guard reduction.memory != nil else {
            throw TokenReelError(
                .invalidArgument, subject: "snapshot", found: "a stream without a memory",
                remedy: "start it with --memory")
        }
        guard let path = path ?? memoryFile else {
            throw TokenReelError(
                .invalidArgument, subject: "snapshot", found: "no file, and no folder for one",
                remedy: "name a file, or start the stream with --out-dir")
        }
        guard let snapshot = control.snapshot() else {
            throw TokenReelError(
                .invalidArgument, subject: "snapshot", found: "a memory that is still empty",
                remedy: "ask again after the first segment")
        }
        try OutputTarget.file(path).check(against: [], mayOverwrite: false)
        try snapshot.sequence.write(to: path, metadata: snapshot.metadata, dtype: dtype)
        return path
    }

    /// Leaves the memory in the stream's folder, where there are both.
    func keepMemory() {
        guard memoryFile != nil, control.snapshot() != nil else { return }
        do throws(TokenReelError) { try writeSnapshot() } catch { console.report(error) }
    }

    private var memoryFile: String? {
        if case .folder(let folder) = destination { "\(folder.path)/memory.safetensors" } else { nil }
    }
}
