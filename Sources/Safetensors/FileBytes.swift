internal import CLibrary
internal import TokenCore

/// The bytes of a file: mapped read-only, or a copy of an array.
///
/// A mapped file that another process shortens makes later reads fault; callers hand over files nobody truncates.
final class FileBytes: @unchecked Sendable {
    // @unchecked Sendable holds because nothing writes through `memory` after init, and only deinit releases it.
    let memory: UnsafeRawBufferPointer
    private let isMapped: Bool

    init(_ bytes: [UInt8]) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        copy.copyBytes(from: bytes)
        memory = UnsafeRawBufferPointer(copy)
        isMapped = false
    }

    convenience init(mapping path: String) throws(TokenReelError) {
        // Not blocking, so that a named pipe is refused instead of waited for.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw TokenReelError(.unreadableInput, subject: path, found: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        try self.init(mapping: descriptor, named: path)
    }

    init(mapping descriptor: Int32, named name: String) throws(TokenReelError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw TokenReelError(.unreadableInput, subject: name, found: "not a file", allowed: "a regular file")
        }
        let size = Int(status.st_size)
        guard size > 0 else {
            memory = UnsafeRawBufferPointer(start: nil, count: 0)
            isMapped = false
            return
        }
        guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
            throw TokenReelError(.inputOutput, subject: name, found: String(cString: strerror(errno)))
        }
        memory = UnsafeRawBufferPointer(start: base, count: size)
        isMapped = true
    }

    deinit {
        guard let base = memory.baseAddress else { return }
        if isMapped {
            munmap(UnsafeMutableRawPointer(mutating: base), memory.count)
        } else {
            base.deallocate()
        }
    }
}
