internal import CLibrary
internal import TokenCore

/// Reads lines as they are written: of a named pipe, of a growing file, or of standard input.
///
/// Of a file it reads what is there and then what is added; a file that is replaced or cut short is read from the start.
struct LineFollower: ~Copyable {
    /// A line, or where it should have ended.
    enum Line: Equatable {
        case text(String)
        case tooLong
    }

    /// Bytes that a line may have.
    static let longest = 1 << 20

    private enum Kind { case input, pipe, file }
    private let path: String
    private let kind: Kind
    private var descriptor: Int32
    private var pending: [UInt8] = []
    private var isSkipping = false
    private var offset = 0
    private var isOver = false

    /// Opens a file or named pipe, or standard input for `-`.
    init(_ path: String) throws(TokenReelError) {
        self.path = path
        guard path != "-" else {
            (kind, descriptor) = (.input, STDIN_FILENO)
            return
        }
        var status = stat()
        let isPipe = stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
        kind = isPipe ? .pipe : .file
        // A reader that could write too never sees the end of a pipe when one of its writers closes.
        descriptor = open(path, (isPipe ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw TokenReelError(
                .unreadableInput, subject: path, found: String(cString: strerror(errno)),
                allowed: "a file or named pipe that exists")
        }
    }

    deinit { if kind != .input, descriptor >= 0 { close(descriptor) } }

    /// Waits for lines, at most that long; nil once there can be no more.
    mutating func next(milliseconds: Int32) -> [Line]? {
        guard !isOver else { return nil }
        if kind == .file { return nextOfFile(milliseconds) }
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&request, 1, milliseconds) > 0 else { return [] }
        var lines: [Line] = []
        switch readBlock(&lines) {
        case 0:
            isOver = true
            // The last line needs no end where nothing can follow.
            if !pending.isEmpty { lines.append(.text(String(decoding: pending, as: UTF8.self))) }
        case ..<0: isOver = errno != EINTR && errno != EAGAIN
        default: break
        }
        return lines
    }

    private mutating func nextOfFile(_ milliseconds: Int32) -> [Line] {
        var lines: [Line] = []
        let count = readBlock(&lines)
        if count > 0 {
            offset += count
            return lines
        }
        _ = poll(nil, 0, milliseconds)
        var (named, opened) = (stat(), stat())
        // While it is being replaced there may be no file of the name.
        guard stat(path, &named) == 0 else { return [] }
        let isSame = fstat(descriptor, &opened) == 0 && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev
        if !isSame || Int(named.st_size) < offset { restart() }
        return []
    }

    private mutating func restart() {
        let fresh = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard fresh >= 0 else { return }
        close(descriptor)
        (descriptor, offset, pending, isSkipping) = (fresh, 0, [], false)
    }

    /// Reads once and takes whole lines out of what there is.
    private mutating func readBlock(_ lines: inout [Line]) -> Int {
        var block = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(descriptor, &block, block.count)
        guard count > 0 else { return count }
        for byte in block[..<count] {
            if byte == UInt8(ascii: "\n") {
                if !isSkipping { lines.append(.text(String(decoding: pending, as: UTF8.self))) }
                isSkipping = false
                pending.removeAll(keepingCapacity: pending.count < 1 << 12)
            } else if !isSkipping {
                pending.append(byte)
                guard pending.count > Self.longest else { continue }
                lines.append(.tooLong)
                isSkipping = true
                pending = []
            }
        }
        return count
    }
}
