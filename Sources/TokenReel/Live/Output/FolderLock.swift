internal import CLibrary
internal import Essentials
internal import TokenCore

/// Keeps other processes from writing to a folder; the system takes the lock back however this process ends.
final class FolderLock: Sendable {
    private let descriptor: Int32

    /// Makes the folder where it is missing, and locks it.
    init(_ path: String) throws(TokenReelError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw TokenReelError(.inputOutput, subject: path, found: "the folder can't be made: \(error)")
        }
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw TokenReelError(.inputOutput, subject: path, found: String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let isTaken = errno == EWOULDBLOCK
            throw TokenReelError(
                .inputOutput, subject: path,
                found: isTaken ? "another process writes its stream to this folder" : String(cString: strerror(errno)),
                remedy: isTaken ? "name another folder" : nil)
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}
