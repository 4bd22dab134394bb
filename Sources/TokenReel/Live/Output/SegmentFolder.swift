internal import Safetensors
internal import Synchronization
public import TokenCore
public import VideoDecoding

/// A folder of a stream's segments, one token file each, with an index from which a reader can start anywhere.
///
/// A segment's file is whole before the index names it, and the index forgets it before it is removed: at any moment, a
/// crash included, what the index names is there, or goes away as the oldest. The index, `index.jsonl`, has one JSON
/// object a line, of a ``SegmentRecord`` or a gap, by ascending id. Opening a folder repairs what a crash left behind.
public final class SegmentFolder: Sendable {
    /// Where the folder is.
    public let path: String
    /// What opening it had to put right.
    public let repair: FolderRepair
    /// Which run of the program this is in the folder, counted from 0.
    public let run: Int

    private struct State: ~Copyable {
        var index: SegmentIndex
        /// The segments there are, the oldest first.
        var segments: [Place]
        /// Bytes of the segments' files.
        var fileBytes: Int
        var nextID: Int
        /// Bytes of lines that tell of gaps after the last segment.
        var looseBytes: Int
    }
    private let state: Mutex<State>
    private let lock: FolderLock
    private let limit: Int?

    /// Opens a folder, makes it where it is missing, and repairs it.
    ///
    /// - Parameter limit: The most bytes that segments and index may take. Where a new segment would exceed it, the oldest
    ///   go, a sixteenth of the limit at a time; the newest stays whatever its size.
    /// - Throws: ``TokenReelError/Code/inputOutput`` if the folder can't be used, or another process writes to it.
    public init(_ path: String, limit: Int? = nil) throws(TokenReelError) {
        self.path = path
        self.limit = limit
        lock = try FolderLock(path)
        let found = try FolderContents(path)
        repair = try found.repair()
        let index = try SegmentIndex(path: "\(path)/\(FolderContents.indexName)")
        run = found.nextRun
        state = Mutex(
            State(
                index: index, segments: found.places, fileBytes: found.places.reduce(0) { $0 + $1.bytes },
                nextID: found.nextID, looseBytes: found.looseBytes))
    }

    /// Bytes that segments and index take.
    public var byteCount: Int { state.withLock { $0.fileBytes + $0.index.byteCount } }

    /// Writes a segment and then lists it.
    ///
    /// - Returns: What the index says about it.
    /// - Throws: ``TokenReelError/Code/inputOutput``; nothing of the segment is there then, and its id goes to the next.
    @discardableResult
    public func write(
        _ segment: CommittedSegment, dtype: TokenDType = .f16
    ) throws(TokenReelError) -> SegmentRecord {
        try state.withLock { state throws(TokenReelError) in
            var record = SegmentRecord(segment, id: state.nextID, run: run)
            let contents = segment.contents(record, dtype)
            let file = FolderContents.name(ofSegment: record.id)
            record.file = file
            record.bytes = contents.byteCount
            let line = record.json.text
            try makeRoom(for: contents.byteCount + line.utf8.count + 1, &state)
            try contents.write(to: "\(path)/\(file)")
            let lineBytes: Int
            do throws(TokenReelError) {
                lineBytes = try state.index.append(line)
            } catch {
                remove(record.id)
                throw error
            }
            state.segments.append(
                Place(id: record.id, bytes: contents.byteCount, lineBytes: lineBytes + state.looseBytes))
            state.looseBytes = 0
            state.fileBytes += contents.byteCount
            state.nextID += 1
            return record
        }
    }

    /// Lists a gap.
    ///
    /// - Throws: ``TokenReelError/Code/inputOutput``.
    public func write(_ gap: LiveGap) throws(TokenReelError) {
        try state.withLock { state throws(TokenReelError) in
            state.looseBytes += try state.index.append(gap.json(at: .now).text)
        }
    }

    private func makeRoom(for bytes: Int, _ state: inout State) throws(TokenReelError) {
        guard let limit, state.fileBytes + state.index.byteCount + bytes > limit else { return }
        // Some at a time, because the index is written anew for it.
        let target = limit - limit / 16 - bytes
        var (files, lines, count) = (state.fileBytes, state.index.byteCount, 0)
        while count < state.segments.count, files + lines > target {
            files -= state.segments[count].bytes
            lines -= state.segments[count].lineBytes
            count += 1
        }
        guard count > 0 else { return }
        try state.index.removeFirst(state.index.byteCount - lines)
        for place in state.segments.prefix(count) { remove(place.id) }
        state.segments.removeFirst(count)
        state.fileBytes = files
    }

    private func remove(_ id: Int) { FolderContents.remove(FolderContents.name(ofSegment: id), in: path) }
}

/// Where a segment stands in its folder.
struct Place: Sendable {
    let id: Int
    /// Size of its file.
    let bytes: Int
    /// Bytes of the index that go when it goes: its line, and those of gaps before it.
    let lineBytes: Int
}

extension CommittedSegment {
    /// The segment's token file, which carries its record so that an index can be made from the files alone.
    func contents(_ record: SegmentRecord, _ dtype: TokenDType) -> SafetensorsWriter {
        var metadata = metadata
        metadata[SegmentRecord.metadataKey] = record.json.text
        return sequence.contents(metadata, dtype)
    }

    /// Writes the segment's token file to a pipe or socket, after its length in bytes as a 64-bit little-endian number.
    ///
    /// - Throws: ``TokenReelError/Code/outputClosed`` if nobody reads any more, ``TokenReelError/Code/inputOutput``.
    @discardableResult
    public func writeWithLength(
        to descriptor: Int32, dtype: TokenDType = .f16
    ) throws(TokenReelError) -> SegmentRecord {
        var record = SegmentRecord(self)
        let contents = contents(record, dtype)
        record.bytes = contents.byteCount
        let length = withUnsafeBytes(of: UInt64(contents.byteCount).littleEndian, Array.init)
        try Descriptor.write(length, to: descriptor, subject: "output")
        try contents.write(to: descriptor)
        return record
    }
}
