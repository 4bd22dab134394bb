internal import Safetensors
public import TokenCore

/// Writes whole files: a reader sees the old one or the new one, never a part.
public enum OutputFile {
    /// Writes bytes to a file, or to the device or pipe that `path` names.
    ///
    /// - Parameter isDurable: Whether the file has to survive a power cut that comes at once.
    /// - Throws: ``TokenReelError/Code/inputOutput``, ``TokenReelError/Code/outputClosed``, and
    ///   ``TokenReelError/Code/invalidArgument`` for a folder or an empty path.
    public static func write(_ bytes: [UInt8], to path: String, isDurable: Bool = true) throws(TokenReelError) {
        let file = try AtomicFile.create(path)
        try Descriptor.write(bytes, to: file.descriptor, subject: path)
        try file.commit(isDurable: isDurable)
    }

    /// Writes text as UTF-8.
    ///
    /// - Throws: As for bytes.
    public static func write(_ text: String, to path: String, isDurable: Bool = true) throws(TokenReelError) {
        try write(Array(text.utf8), to: path, isDurable: isDurable)
    }
}
