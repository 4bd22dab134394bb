internal import CLibrary
internal import Essentials
internal import Safetensors
internal import TokenCore
internal import VideoDecoding

/// What opening a folder of segments had to put right after a run that was killed.
public struct FolderRepair: Sendable, Equatable {
    /// Whole segments that the index did not name, and does now.
    public internal(set) var listed = 0
    /// Names that the index held of segments that are gone or not whole, and holds no more.
    public internal(set) var unlisted = 0
    /// Files removed: unfinished ones, and segments that are not whole.
    public internal(set) var removed = 0

    /// Whether there was nothing to do.
    public var isNothing: Bool { self == FolderRepair() }
}

/// What a folder of segments holds when it is opened, and the index that it should have.
struct FolderContents {
    /// The segments there are, the oldest first.
    private(set) var places: [Place] = []
    /// Bytes of lines that tell of gaps after the last segment.
    private(set) var looseBytes = 0
    /// Above every id that the folder has had, as far as it still tells.
    private(set) var nextID = 0
    /// Above the number of every run that the folder still tells of.
    private(set) var nextRun = 0

    private let path: String
    private var entries: [Entry] = []
    /// Lines about gaps after the last segment.
    private var loose: [String] = []
    private var isIndexTrue: Bool
    private var doomed: [String] = []
    private var repairs = FolderRepair()

    private struct Entry {
        let record: SegmentRecord
        /// Lines about gaps before it, and its own.
        let lines: [String]
    }

    static let indexName = "index.jsonl"

    /// Compares index and files.
    init(_ path: String) throws(TokenReelError) {
        self.path = path
        var sizes: [Int: Int] = [:]
        for name in try Self.names(in: path) {
            if let id = Self.id(ofName: name) { sizes[id] = Self.size("\(path)/\(name)") }
            // Nobody else writes here, so an unfinished file is one whose writer was killed.
            if name.hasPrefix(".tokenreel-"), name.hasSuffix(".tmp") { doomed.append(name) }
        }
        let index = "\(path)/\(Self.indexName)"
        let lines = try SegmentIndex.lines(of: index)
        isIndexTrue = lines.reduce(0) { $0 + $1.utf8.count + 1 } == Self.size(index) ?? 0
        for line in lines { take(line, &sizes) }
        for id in sizes.keys.sorted() { takeFile(id) }
        entries.sort { $0.record.id < $1.record.id }
        for entry in entries {
            let lineBytes = entry.lines.reduce(0) { $0 + $1.utf8.count + 1 }
            places.append(Place(id: entry.record.id, bytes: entry.record.bytes ?? 0, lineBytes: lineBytes))
        }
        looseBytes = loose.reduce(0) { $0 + $1.utf8.count + 1 }
    }

    /// Makes index and files agree.
    func repair() throws(TokenReelError) -> FolderRepair {
        for name in doomed { Self.remove(name, in: path) }
        if !isIndexTrue {
            let lines = entries.flatMap(\.lines) + loose
            try OutputFile.write(lines.map { $0 + "\n" }.joined(), to: "\(path)/\(Self.indexName)")
        }
        var repairs = repairs
        repairs.removed = doomed.count
        return repairs
    }

    /// Takes a line of the index, with the file that it names if that is as large as it says.
    private mutating func take(_ line: String, _ sizes: inout [Int: Int]) {
        guard let record = SegmentRecord(line: line) else {
            if LiveGap.isRecord(line) { loose.append(line) } else { isIndexTrue = false }
            return
        }
        count(record)
        // A file gets its name only when it is whole and synced, so its size is proof enough.
        guard record.file == Self.name(ofSegment: record.id), let size = sizes[record.id], size == record.bytes else {
            repairs.unlisted += 1
            isIndexTrue = false
            return
        }
        sizes[record.id] = nil
        entries.append(Entry(record: record, lines: loose + [line]))
        loose = []
    }

    /// Takes a file that the index does not name, if it is whole.
    private mutating func takeFile(_ id: Int) {
        let name = Self.name(ofSegment: id)
        nextID = max(nextID, id + 1)
        guard let file = try? SafetensorsFile(path: "\(path)/\(name)"),
            var record = file.metadata[SegmentRecord.metadataKey].flatMap(SegmentRecord.init(line:)), record.id == id
        else {
            doomed.append(name)
            return
        }
        record.file = name
        record.bytes = Self.size("\(path)/\(name)")
        count(record)
        entries.append(Entry(record: record, lines: [record.json.text]))
        repairs.listed += 1
        isIndexTrue = false
    }

    private mutating func count(_ record: SegmentRecord) {
        nextID = max(nextID, record.id + 1)
        nextRun = max(nextRun, record.run + 1)
    }

    // MARK: Files

    private static let prefix = "segment-"
    private static let suffix = ".safetensors"

    /// Eight digits keep a listing in order for 19 years of a segment every six seconds.
    static func name(ofSegment id: Int) -> String {
        let digits = String(id)
        return prefix + String(repeating: "0", count: max(0, 8 - digits.count)) + digits + suffix
    }

    private static func id(ofName name: String) -> Int? {
        guard name.hasPrefix(prefix), name.hasSuffix(suffix),
            let id = Int(name.dropFirst(prefix.count).dropLast(suffix.count)), id >= 0, self.name(ofSegment: id) == name
        else { return nil }
        return id
    }

    private static func names(in folder: String) throws(TokenReelError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            throw TokenReelError(.inputOutput, subject: folder, found: "the folder can't be read: \(error)")
        }
    }

    private static func size(_ path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    static func remove(_ name: String, in folder: String) { unlink("\(folder)/\(name)") }
}
