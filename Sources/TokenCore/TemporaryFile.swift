#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

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
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            // The class has a method of the same name, so the system's needs its module.
            #if canImport(Darwin)
                let written = Darwin.write(descriptor, rest.baseAddress, rest.count)
            #elseif canImport(Musl)
                let written = Musl.write(descriptor, rest.baseAddress, rest.count)
            #else
                let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
            #endif
            if written > 0 { done += written } else if errno != EINTR { throw Self.failure() }
        }
    }

    private static func failure() -> TokenReelError {
        TokenReelError(
            .inputOutput, subject: "temporary file", found: String(cString: strerror(errno)),
            remedy: "set TMPDIR to a folder with more space")
    }
}
