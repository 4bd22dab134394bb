internal import CLibrary

/// A file without a name: it takes disk space instead of memory and vanishes with the process, however that ends.
///
/// It lies in the folder that `TMPDIR` names, else in /var/tmp, because /tmp is memory on many systems.
package final class TemporaryFile: Sendable {
    package let descriptor: Int32

    package init() throws(TokenReelError) {
        let named = getenv("TMPDIR").map { String(cString: $0) }
        let folders: [String?] = [named, "/var/tmp", "/tmp"]
        let folder = folders.compactMap(\.self).first { access($0, W_OK) == 0 } ?? "/tmp"
        var template = Array("\(folder)/tokenreel-XXXXXX".utf8CString)
        descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw Self.failure() }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        unlink(template)
    }

    deinit { close(descriptor) }

    /// A path through which this process can open the file again.
    package var path: String { "/dev/fd/\(descriptor)" }

    /// Appends bytes.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(TokenReelError) {
        do {
            try Descriptor.write(bytes, to: descriptor, subject: Self.subject)
        } catch {
            throw Self.failure(error.found)
        }
    }

    private static let subject = "temporary file"

    private static func failure(_ found: String = String(cString: strerror(errno))) -> TokenReelError {
        TokenReelError(
            .inputOutput, subject: subject, found: found,
            remedy: "set TMPDIR to a folder with more space")
    }
}
