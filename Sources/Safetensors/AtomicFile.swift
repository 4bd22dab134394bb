internal import CLibrary
package import TokenCore

/// A file under construction that takes its name only when it is whole.
///
/// The bytes go to a temporary file in the same folder, which is synced and renamed by ``commit()``; whoever is killed
/// before that leaves the old file as it was. A path that names a device or a pipe is written directly.
package struct AtomicFile: ~Copyable {
    /// Where to write.
    package let descriptor: Int32
    private let path: String
    private let temporary: String?

    private init(descriptor: Int32, path: String, temporary: String?) {
        self.descriptor = descriptor
        self.path = path
        self.temporary = temporary
    }

    /// Opens the temporary file, with the mode of the file it is going to replace.
    package static func create(_ path: String) throws(TokenReelError) -> AtomicFile {
        guard !path.isEmpty else {
            throw TokenReelError(.invalidArgument, subject: "output", found: "an empty path", allowed: "a file name")
        }
        var status = stat()
        let exists = stat(path, &status) == 0
        if exists, status.st_mode & S_IFMT == S_IFDIR {
            throw TokenReelError(.invalidArgument, subject: path, found: "a folder", allowed: "a file name")
        }
        if exists, status.st_mode & S_IFMT != S_IFREG {
            let descriptor = open(path, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw failure(path) }
            return AtomicFile(descriptor: descriptor, path: path, temporary: nil)
        }
        // Renaming over a link would replace the link, not the file that the user meant.
        let target = exists ? resolved(path) : path
        let temporary = "\(folder(of: target))/.tokenreel-\(getpid())-\(UInt64.random(in: 0 ... .max)).tmp"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw failure(path) }
        if exists { fchmod(descriptor, status.st_mode & 0o7777) }
        return AtomicFile(descriptor: descriptor, path: target, temporary: temporary)
    }

    /// Syncs the bytes, gives the file its name, and syncs the folder so that the name survives a power cut.
    ///
    /// - Parameter isDurable: Whether to sync; what is written every second need not outlive the system.
    package consuming func commit(isDurable: Bool = true) throws(TokenReelError) {
        guard let temporary else { return }
        guard !isDurable || fsync(descriptor) == 0, rename(temporary, path) == 0 else { throw Self.failure(path) }
        guard isDurable else { return }
        let folder = open(Self.folder(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }

    deinit {
        close(descriptor)
        // After a commit the name is gone already and this does nothing.
        if let temporary { unlink(temporary) }
    }

    private static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func failure(_ path: String) -> TokenReelError {
        TokenReelError(
            .inputOutput, subject: path, found: "can't be written: \(String(cString: strerror(errno)))",
            allowed: "a file in a folder that exists and may be written to")
    }
}
