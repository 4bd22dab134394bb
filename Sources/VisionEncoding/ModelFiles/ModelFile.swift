internal import CLibrary
internal import TokenCore

/// A small file of a checkpoint folder: settings, vocabularies, merges; not weights.
struct ModelFile {
    /// Folder and name, as errors name it.
    let path: String
    let bytes: [UInt8]

    /// The largest published file of this kind, Gemma's `tokenizer.json`, has 34 MB.
    private static let largest = 256 << 20

    /// Reads a file of the folder; nil if there is none of that name.
    init?(_ name: String, in folder: String) throws(TokenReelError) {
        let path = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
        // Not blocking, so that a named pipe is refused instead of waited for.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw TokenReelError(.unreadableInput, subject: path, found: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw TokenReelError(.unreadableInput, subject: path, found: "not a file", allowed: "a regular file")
        }
        guard status.st_size <= Self.largest else {
            throw TokenReelError(
                .limitExceeded, subject: path, found: "\(status.st_size) bytes",
                allowed: "at most \(Self.largest) bytes for settings and vocabularies")
        }
        let size = Int(status.st_size)
        var failure: Int32 = 0
        bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size, let base = buffer.baseAddress {
                let read = read(descriptor, base + count, size - count)
                if read < 0, errno == EINTR { continue }
                if read < 0 { failure = errno }
                guard read > 0 else { return }
                count += read
            }
        }
        guard failure == 0 else {
            throw TokenReelError(.inputOutput, subject: path, found: String(cString: strerror(failure)))
        }
        self.path = path
    }

    /// The file as JSON.
    func json() throws(TokenReelError) -> JSONTree { try JSONTree(parsing: bytes, file: path) }
}
