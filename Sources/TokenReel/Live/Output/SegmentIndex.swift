internal import CLibrary
internal import Safetensors
internal import TokenCore

/// The list of a folder's segments: a file that grows by one line of JSON for each, synced every time.
///
/// Lines stand in the order of ids, so what a quota removes, the oldest, is always a beginning of the file.
struct SegmentIndex: ~Copyable {
    private let path: String
    private var descriptor: Int32
    /// Size of the file.
    private(set) var byteCount: Int

    /// Opens the file for appending, and makes it where it is missing.
    init(path: String) throws(TokenReelError) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o666)
        byteCount = 0
        guard descriptor >= 0 else { throw failure() }
        byteCount = Int(lseek(descriptor, 0, SEEK_END))
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The lines of a file, none if it does not exist; an unfinished last one, as a crash can leave it, is not among them.
    static func lines(of path: String) throws(TokenReelError) -> [String] {
        guard access(path, F_OK) == 0 else { return [] }
        var bytes: [UInt8] = []
        try FileReader(path: path).forEachBlock(cancellation: nil) { bytes.append(contentsOf: $0) }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return lines.dropLast().map { String(decoding: $0, as: UTF8.self) }
    }

    /// Adds a line; if that fails the file is as it was.
    ///
    /// - Returns: Bytes of the line with its end.
    @discardableResult
    mutating func append(_ line: String) throws(TokenReelError) -> Int {
        let bytes = Array((line + "\n").utf8)
        do throws(TokenReelError) {
            try Descriptor.write(bytes, to: descriptor, subject: path)
            guard fsync(descriptor) == 0 else { throw failure() }
        } catch {
            ftruncate(descriptor, off_t(byteCount))
            throw error
        }
        byteCount += bytes.count
        return bytes.count
    }

    /// Removes a beginning, which must be whole lines; a reader of the path sees the file before or after.
    mutating func removeFirst(_ count: Int) throws(TokenReelError) {
        let rest = try AtomicFile.create(path)
        var skipped = 0
        try FileReader(path: path).forEachBlock(cancellation: nil) { block throws(TokenReelError) in
            let left = min(count - skipped, block.count)
            skipped += left
            try Descriptor.write(
                UnsafeRawBufferPointer(rebasing: block[left...]), to: rest.descriptor, subject: path)
        }
        try rest.commit()
        // Without its name the old file must not take another line, even if the new one can't be opened.
        close(descriptor)
        descriptor = -1
        self = try SegmentIndex(path: path)
    }

    private func failure() -> TokenReelError {
        TokenReelError(.inputOutput, subject: path, found: String(cString: strerror(errno)))
    }
}
