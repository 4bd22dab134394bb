internal import CLibrary
internal import TokenCore

/// Reads a file or pipe from front to back.
struct FileReader: ~Copyable {
    private let descriptor: Int32
    private let name: String
    private let isOwned: Bool
    private static let blockSize = 1 << 20

    init(path: String) throws(TokenReelError) {
        // Not blocking, so that waiting for the writer of a named pipe can be cancelled and limited too.
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        name = path
        isOwned = true
        guard descriptor >= 0 else {
            throw TokenReelError(.unreadableInput, subject: path, found: String(cString: strerror(errno)))
        }
    }

    init(borrowing descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
        isOwned = false
    }

    deinit { if isOwned, descriptor >= 0 { close(descriptor) } }

    /// Hands all bytes to `body`, piece by piece.
    ///
    /// - Parameter stallSeconds: How long to wait for the next byte.
    func forEachBlock(
        stallSeconds: Double = .infinity, cancellation: Cancellation?,
        _ body: (UnsafeRawBufferPointer) throws(TokenReelError) -> Void
    ) throws(TokenReelError) {
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.blockSize, alignment: 16)
        defer { block.deallocate() }
        while true {
            try awaitBytes(stallSeconds, cancellation)
            let count = read(descriptor, block.baseAddress, block.count)
            if count == 0 { return }
            if count > 0 {
                try body(UnsafeRawBufferPointer(rebasing: block[..<count]))
            } else if errno != EINTR, errno != EAGAIN {
                throw TokenReelError(.unreadableInput, subject: name, found: String(cString: strerror(errno)))
            }
        }
    }

    /// The SHA-256 of the rest of the file.
    func digest(cancellation: Cancellation?) throws(TokenReelError) -> String {
        var digest = SHA256()
        try forEachBlock(cancellation: cancellation) { block in digest.update(block) }
        return digest.finish()
    }

    /// Waits in short steps, so that a cancelled wait ends soon.
    private func awaitBytes(_ stallSeconds: Double, _ cancellation: Cancellation?) throws(TokenReelError) {
        let start = ContinuousClock.now
        while true {
            try cancellation?.check()
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&request, 1, 50)
            // A signal ends the wait early; what it asked for shows in the cancellation.
            if ready > 0 || (ready < 0 && errno != EINTR) { return }
            if ContinuousClock.now - start > .seconds(stallSeconds) {
                throw TokenReelError(
                    .limitExceeded, subject: name, found: "no byte for \(stallSeconds) s",
                    allowed: "a source that delivers")
            }
        }
    }

    /// What a path leads to.
    enum Kind { case file, pipe }

    /// Finds out what a path leads to without opening it: opening a named pipe would wait for its writer.
    static func kind(of path: String) throws(TokenReelError) -> Kind {
        func unreadable(_ found: String) -> TokenReelError {
            TokenReelError(.unreadableInput, subject: path, found: found, allowed: "a readable file or pipe")
        }
        var status = stat()
        guard access(path, R_OK) == 0, stat(path, &status) == 0 else {
            throw unreadable(String(cString: strerror(errno)))
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file
        case S_IFIFO: return .pipe
        case S_IFDIR: throw unreadable("a folder")
        default: throw unreadable("a device")
        }
    }

    /// Whether a file begins as safetensors files do: a length that fits, then an object.
    static func looksLikeSafetensors(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
        var head = [UInt8](repeating: 0, count: 9)
        guard pread(descriptor, &head, 9, 0) == 9 else { return false }
        let length = head[..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return length <= UInt64(status.st_size) - 8 && head[8] == UInt8(ascii: "{")
    }
}
