internal import CFFmpeg
internal import CLibrary
internal import TokenCore

/// The bytes of one input, behind FFmpeg's callbacks: no protocols, no names, only a descriptor or memory.
///
/// A pipe can't be rewound, so its first bytes are kept to name what was found when nothing accepts it.
final class ByteSource {
    private enum Storage {
        case memory([UInt8])
        case descriptor(Int32, owned: Bool)
    }

    private let storage: Storage
    /// Keeps the copy of a pipe that `storage` reads.
    private let spooled: TemporaryFile?
    private let watch: Watch
    private let limit: Int
    private(set) var position = 0
    /// Number of bytes; nil for a pipe.
    let size: Int?
    /// The first bytes of a pipe, replayed to the reader.
    private var head: [UInt8] = []

    /// Whether the reader may jump.
    var isSeekable: Bool { size != nil }

    /// Opens a file, standard input or memory.
    ///
    /// With `spooling` a pipe is first copied into a nameless temporary file, so that it can be read in any order.
    /// A pipe that carries an MP4 whose index comes last is copied anyway: it can't be read otherwise.
    init(_ source: VideoSource, limits: Limits, watch: Watch, spooling: Bool) throws(TokenReelError) {
        self.watch = watch
        limit = limits.inputBytes
        switch source {
        case .memory(let bytes):
            storage = .memory(bytes)
            spooled = nil
            size = bytes.count
        case .url:
            throw TokenReelError(.invalidArgument, subject: source.name, found: "an address where bytes are needed")
        case .file, .standardInput:
            var file: Int32 = 0
            var owned = false
            if case .file(let path) = source {
                // C would read a name only up to its first zero byte, and so open another file than the one shown.
                guard !path.utf8.contains(0) else {
                    throw TokenReelError(.inputOutput, subject: "input", found: "a zero byte in the name of the file")
                }
                // Not blocking, so that a FIFO without a writer waits under the watch rather than here.
                file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
                owned = true
                guard file >= 0 else { throw systemError(errno, "can't be opened") }
            }
            var bytes: Int?
            var first: [UInt8] = []
            var spool: TemporaryFile?
            do throws(TokenReelError) {
                bytes = try Self.regularSize(file)
                if bytes == nil {
                    first = try Self.readHead(file, watch: watch)
                    if spooling || Self.indexComesLast(first) {
                        let copy = try Self.spool(first, then: file, limit: limit, watch: watch)
                        if owned { close(file) }
                        (file, owned, first, spool) = (copy.descriptor, false, [], copy)
                        bytes = try Self.regularSize(file)
                    }
                }
            } catch {
                if owned { close(file) }
                throw error
            }
            storage = .descriptor(file, owned: owned)
            spooled = spool
            size = bytes
            head = first
        }
        if let size, size > limit { throw Self.tooLarge("\(size) bytes", limit) }
    }

    deinit {
        if case .descriptor(let file, owned: true) = storage { close(file) }
    }

    /// Reads up to `count` bytes at the position; 0 at the end, a negative FFmpeg error otherwise.
    func read(into buffer: UnsafeMutablePointer<UInt8>, count: Int) -> Int32 {
        guard !watch.mustStop() else { return cff_error_exit }
        guard position < limit else {
            watch.fail(Self.tooLarge("more than \(limit) bytes", limit))
            return cff_error_exit
        }
        let wanted = min(count, limit - position, Int(Int32.max))
        var got = 0
        switch storage {
        case .memory(let bytes):
            got = max(min(wanted, bytes.count - position), 0)
            bytes.withUnsafeBufferPointer { bytes in
                guard got > 0, let base = bytes.baseAddress else { return }
                buffer.update(from: base + position, count: got)
            }
        case .descriptor(let file, _):
            if position < head.count {
                got = min(wanted, head.count - position)
                for index in 0..<got { buffer[index] = head[position + index] }
            } else if size != nil {
                repeat { got = pread(file, buffer, wanted, off_t(position)) } while got < 0 && errno == EINTR
            } else {
                got = Self.readPipe(file, into: buffer, count: wanted, watch: watch)
            }
        }
        guard got >= 0 else {
            if watch.failure == nil { watch.fail(systemError(errno, "can't be read")) }
            return cff_error_exit
        }
        position += got
        return Int32(got)
    }

    /// Moves the position as `lseek` would, or tells the size; a negative FFmpeg error where that is not possible.
    func seek(to offset: Int64, whence: Int32) -> Int64 {
        guard let size else { return Int64(cff_error_unsupported) }
        let target: Int64
        switch whence & ~cff_seek_force {
        case cff_seek_size: return Int64(size)
        case SEEK_SET: target = offset
        case SEEK_CUR: target = offset.addingReportingOverflow(Int64(position)).partialValue
        case SEEK_END: target = offset.addingReportingOverflow(Int64(size)).partialValue
        default: return Int64(cff_error_unsupported)
        }
        guard target >= 0 else { return Int64(cff_error_invalid_data) }
        position = Int(target)
        return target
    }

    /// The first bytes, up to `count`, without moving the position.
    func beginning(_ count: Int) -> [UInt8] {
        guard isSeekable else { return Array(head.prefix(count)) }
        let saved = position
        defer { position = saved }
        position = 0
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            guard let base = buffer.baseAddress else { return }
            filled = max(Int(read(into: base, count: count)), 0)
        }
    }
}

// MARK: - Pipes

extension ByteSource {
    private static let headLength = 4096

    private static func tooLarge(_ found: String, _ limit: Int) -> TokenReelError {
        TokenReelError(
            .limitExceeded, subject: "input", found: found, allowed: "\(limit) bytes",
            remedy: "raise it with --max-bytes")
    }

    /// The size of a regular file, nil for pipes, sockets and devices.
    private static func regularSize(_ file: Int32) throws(TokenReelError) -> Int? {
        var status = stat()
        guard fstat(file, &status) == 0 else { throw systemError(errno, "can't be read") }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return Int(status.st_size)
        case S_IFDIR: throw TokenReelError(.unreadableInput, subject: "input", found: "a folder", allowed: "a file")
        default: return nil
        }
    }

    /// Waits for data in short steps, so that the watch can end the wait; -1 once it did or on an error.
    private static func readPipe(
        _ file: Int32, into buffer: UnsafeMutablePointer<UInt8>, count: Int, watch: Watch
    ) -> Int {
        watch.progress()
        while !watch.mustStop() {
            var request = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
            let ready = poll(&request, 1, 50)
            if ready < 0, errno != EINTR { return -1 }
            guard ready > 0 else { continue }
            let got = readDescriptor(file, buffer, count)
            if got >= 0 { return got }
            if errno != EINTR, errno != EAGAIN { return -1 }
        }
        return -1
    }

    private static func readHead(_ file: Int32, watch: Watch) throws(TokenReelError) -> [UInt8] {
        let head = [UInt8](unsafeUninitializedCapacity: headLength) { buffer, filled in
            guard let base = buffer.baseAddress else { return }
            while filled < headLength {
                let got = readPipe(file, into: base + filled, count: headLength - filled, watch: watch)
                guard got > 0 else { break }
                filled += got
            }
        }
        if let failure = watch.failure { throw failure }
        return head
    }

    /// Whether the bytes begin an MP4 whose payload comes before its index.
    private static func indexComesLast(_ head: [UInt8]) -> Bool {
        var offset = 0
        while offset + 8 <= head.count {
            let size = head[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
            switch String(decoding: head[offset + 4..<offset + 8], as: UTF8.self) {
            case "mdat": return true
            case "ftyp", "free", "skip", "wide": offset += max(size, 8)
            default: return false
            }
        }
        return false
    }

    /// Copies the rest of a pipe into a temporary file.
    private static func spool(
        _ head: [UInt8], then file: Int32, limit: Int, watch: Watch
    ) throws(TokenReelError) -> TemporaryFile {
        let copy = try TemporaryFile()
        var total = 0
        func append(_ bytes: UnsafeRawBufferPointer) throws(TokenReelError) {
            total += bytes.count
            if total > limit { throw tooLarge("more than \(limit) bytes", limit) }
            try copy.write(bytes)
        }
        let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 1 << 18)
        defer { buffer.deallocate() }
        try head.withUnsafeBufferPointer { bytes throws(TokenReelError) in try append(UnsafeRawBufferPointer(bytes)) }
        while let base = buffer.baseAddress {
            let got = readPipe(file, into: base, count: buffer.count, watch: watch)
            if let failure = watch.failure { throw failure }
            guard got >= 0 else { throw systemError(errno, "can't be read") }
            guard got > 0 else { break }
            try append(UnsafeRawBufferPointer(start: base, count: got))
        }
        return copy
    }
}

/// The system's `read`, which the method of the same name hides inside the class.
private func readDescriptor(_ file: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
    read(file, buffer, count)
}

/// An error of the operating system about the input.
private func systemError(_ number: Int32, _ what: String) -> TokenReelError {
    let reason = strerror(number).map { String(cString: $0) } ?? "error \(number)"
    return TokenReelError(.inputOutput, subject: "input", found: "\(what): \(reason)")
}
