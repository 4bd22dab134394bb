internal import CConfinement
internal import TokenCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// A process of our own that reads a file and answers through a pipe; it ends with this value at the latest.
final class ChildProcess {
    private let id: pid_t
    private let output: Int32
    private var status: Int32?

    /// Starts a program with nothing open but the file as standard input and the pipe as standard output.
    ///
    /// - Throws: ``TokenReelError/Code/inputOutput`` if the system has no process or descriptor left.
    init(_ command: [String], reading input: Int32) throws(TokenReelError) {
        var ends: [Int32] = [-1, -1]
        let noPipe = cconf_pipe(&ends)
        guard noPipe == 0 else { throw Self.failure(noPipe) }
        output = ends[0]
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        // No secrets of the service's environment, and no threads of a library for matrices.
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup("OPENBLAS_NUM_THREADS=1"), nil]
        defer { for text in arguments + environment { free(text) } }
        var id = pid_t()
        let noProcess = cconf_spawn(&arguments, &environment, input, ends[1], &id)
        close(ends[1])
        guard noProcess == 0 else {
            close(output)
            throw Self.failure(noProcess)
        }
        self.id = id
    }

    deinit {
        kill()
        _ = wait()
        close(output)
    }

    /// Ends the process at once.
    func kill() {
        // Once waited for, the number may be another process's.
        if status == nil { _ = systemKill(id, SIGKILL) }
    }

    /// The signal that ended the process, waiting for its end; nil if it ended on its own.
    func wait() -> Int32? {
        while status == nil {
            var result: Int32 = 0
            if waitpid(id, &result, 0) == id { status = result } else if errno != EINTR { status = 0 }
        }
        let signal = (status ?? 0) & 0x7f
        return signal == 0 ? nil : signal
    }

    /// Reads until `bytes` is full or the process has closed its end; gives the number of bytes read.
    ///
    /// - Throws: ``TokenReelError/Code/cancelled``.
    func read(into bytes: UnsafeMutableRawBufferPointer, _ cancellation: Cancellation?) throws(TokenReelError) -> Int {
        var done = 0
        while done < bytes.count {
            try cancellation?.check()
            var request = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            guard poll(&request, 1, 50) > 0 else { continue }
            let count = systemRead(output, bytes.baseAddress.map { $0 + done }, bytes.count - done)
            if count > 0 { done += count } else if count == 0 || errno != EINTR { break }
        }
        return done
    }

    private static func failure(_ number: Int32) -> TokenReelError {
        TokenReelError(.inputOutput, subject: "decoding process", found: String(cString: strerror(number)))
    }
}

/// The system's calls, which the methods of the same names hide inside the class.
private func systemRead(_ file: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(file, buffer, count)
}

private func systemKill(_ process: pid_t, _ signal: Int32) -> Int32 { kill(process, signal) }
