internal import Safetensors
public import TokenCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Writes whole files: a reader sees the old one or the new one, never a part.
public enum OutputFile {
    /// Writes bytes to a file, or to the device or pipe that `path` names.
    ///
    /// - Throws: ``TokenReelError/Code/inputOutput``, ``TokenReelError/Code/outputClosed``, and
    ///   ``TokenReelError/Code/invalidArgument`` for a folder or an empty path.
    public static func write(_ bytes: [UInt8], to path: String) throws(TokenReelError) {
        let file = try AtomicFile.create(path)
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes {
                Self.system($0.baseAddress.map { $0 + done }, bytes.count - done, file.descriptor)
            }
            if written > 0 {
                done += written
            } else if errno != EINTR {
                throw TokenReelError(
                    errno == EPIPE ? .outputClosed : .inputOutput, subject: path,
                    found: String(cString: strerror(errno)))
            }
        }
        try file.commit()
    }

    /// Writes text as UTF-8.
    ///
    /// - Throws: As for bytes.
    public static func write(_ text: String, to path: String) throws(TokenReelError) {
        try write(Array(text.utf8), to: path)
    }

    /// The system's `write`, which the methods of the same name hide.
    private static func system(_ bytes: UnsafeRawPointer?, _ count: Int, _ descriptor: Int32) -> Int {
        #if canImport(Darwin)
            Darwin.write(descriptor, bytes, count)
        #elseif canImport(Musl)
            Musl.write(descriptor, bytes, count)
        #else
            Glibc.write(descriptor, bytes, count)
        #endif
    }
}
