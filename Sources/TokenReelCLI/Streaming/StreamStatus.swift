internal import CLibrary
internal import Synchronization
internal import TokenCore
internal import TokenReel
internal import VideoDecoding

/// The current figures as one JSON object.
enum StreamStatus {
    /// The figures of this process and its streams.
    static func json(of runs: [StreamRun]) -> JSONValue {
        .report([
            "pid": .integer(Int(getpid())), "time": .number(WallClock.seconds(at: .now)),
            "memory_bytes": ProcessMemory.currentBytes.map(JSONValue.integer),
            "peak_memory_bytes": .integer(ProcessMemory.peakBytes),
            "streams": .array(runs.map(\.status)),
        ])
    }
}

extension StreamRun {
    /// Everything there is to know about the stream now.
    var status: JSONValue {
        let (figures, progress, read) = (figures.withLock { $0 }, control.progress, control.statistics)
        let state = figures.hasEnded ? "ended" : progress.isOpen ? "open" : figures.gap == nil ? "waiting" : "gap"
        return .members([
            "stream": .string(name), "state": .string(state), "error": figures.error?.json,
            "gap": figures.gap?.json(at: figures.gapStart), "gaps": .integer(progress.gaps),
            "reopenings": .integer(read.reopenings),
            "frames": .members([
                "read": .integer(read.framesRead), "sampled": .integer(read.framesSampled),
                "dropped": .integer(read.framesDropped), "encoded": .integer(progress.frames),
                "open": .integer(progress.openFrames),
            ]),
            "bytes_read": .integer(Int(read.bytesRead)), "seconds": progress.seconds.map(JSONValue.number) ?? .null,
            "segments": .integer(figures.segmentsWritten), "segments_lost": .integer(figures.segmentsLost),
            "tokens_in": .integer(progress.tokensIn), "tokens_out": .integer(progress.tokensOut),
            "queries": .array(control.queries.map(JSONValue.string)), "last": figures.last?.json,
            "disk_bytes": diskBytes.map(JSONValue.integer), "latency": figures.latency.json,
            "writing": figures.writing.json,
            "latency_minute": figures.recent.json,
        ])
    }

    private var diskBytes: Int? { if case .folder(let folder) = destination { folder.byteCount } else { nil } }

    /// The last minute in one line, and the start of another.
    func minute() -> String {
        let figures = figures.withLock { figures in
            defer { figures.startMinute() }
            return figures
        }
        let (progress, read) = (control.progress, control.statistics)
        func seconds(_ share: Double) -> String { figures.recent.percentile(share).map { Figures.fixed($0, 2) } ?? "-" }
        var text =
            "\(Console.printable(name)): \(Figures.count(progress.frames)) frames, \(Figures.count(read.framesDropped)) "
            + "dropped, \(Figures.count(figures.segmentsWritten)) segments, \(Figures.count(progress.tokensIn)) -> "
            + "\(Figures.count(progress.tokensOut)) tokens, latency \(seconds(0.5)), \(seconds(0.95)), \(seconds(0.99)) s "
            + "(p50, p95, p99)"
        if figures.segmentsLost > 0 { text += ", \(Figures.count(figures.segmentsLost)) segments lost" }
        if let gap = figures.gap { text += ", no frames: \(Console.printable(gap.detail))" }
        return text
    }
}
