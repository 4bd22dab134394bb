internal import CConfinement
internal import CLibrary
internal import Synchronization
internal import TokenCore

/// Starts decoding processes as copies of a nurse: one that has loaded all libraries and never seen an upload.
///
/// A copy is there in about a millisecond; a program of its own would take the libraries fifty to load.
final class DecoderNursery: Sendable {
    private let nurse = Mutex<Nurse?>(nil)
    private let command: [String]

    /// - Parameter command: The program that becomes the nurse by calling ``DecodeWorker/run()``.
    init(command: [String]) { self.command = command }

    /// Starts a process that does what `order` says with a file.
    ///
    /// - Throws: ``TokenReelError/Code/inputOutput`` if the system has no process or descriptor left.
    func start(_ order: [UInt8], reading input: Int32) throws(TokenReelError) -> DecodeProcess {
        var ends: [Int32] = [-1, -1]
        let failure = cconf_pipe(&ends)
        guard failure == 0 else { throw Self.failure(String(cString: strerror(failure))) }
        let descriptors = [input, ends[1]]
        let id = nurse.withLock { nurse -> pid_t? in
            // One that was killed is replaced, once.
            for _ in 0..<2 {
                if nurse == nil { nurse = Nurse(command) }
                if let id = nurse?.start(order, descriptors) { return id }
                nurse = nil
            }
            return nil
        }
        close(ends[1])
        guard let id else {
            close(ends[0])
            throw Self.failure("can't be started")
        }
        return DecodeProcess(id, output: ends[0], of: self)
    }

    /// Ends a process, if it has not ended yet; only its parent can tell.
    fileprivate func end(_ process: pid_t) { nurse.withLock { $0?.end(process) } }

    private static func failure(_ found: String) -> TokenReelError {
        TokenReelError(.inputOutput, subject: "decoding process", found: found)
    }
}

/// What the service says to its nurse: two numbers, then what the first of them asks for.
enum NurseCall: Int32 {
    /// Start a process: the second number is the length of the order that follows; the upload and the end of a pipe come
    /// along. The answer is the number of the process, 4 bytes.
    case start = 1
    /// End the process of that number.
    case end

    static let headBytes = 2 * MemoryLayout<Int32>.size
}

/// The process whose copies decode; it ends when the service does, because then nobody holds the other socket.
private final class Nurse {
    private let process: pid_t
    private let socket: Int32

    init?(_ command: [String]) {
        var ends: [Int32] = [-1, -1]
        guard cconf_sockets(&ends) == 0 else { return nil }
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        // No secrets of the service's environment, no threads of a library for matrices, no reports of crashes.
        let settings = ["OPENBLAS_NUM_THREADS=1", "SWIFT_BACKTRACE=enable=no"]
        var environment: [UnsafeMutablePointer<CChar>?] = settings.map { strdup($0) } + [nil]
        defer { for text in arguments + environment { free(text) } }
        var process = pid_t()
        let failure = cconf_spawn(&arguments, &environment, ends[1], &process)
        close(ends[1])
        guard failure == 0 else {
            close(ends[0])
            return nil
        }
        self.process = process
        socket = ends[0]
    }

    deinit {
        close(socket)
        kill(process, SIGKILL)
        while waitpid(process, nil, 0) < 0, errno == EINTR {}
    }

    func start(_ order: [UInt8], _ descriptors: [Int32]) -> pid_t? {
        let head = [NurseCall.start.rawValue, Int32(order.count)]
        var id = pid_t()
        var none: [Int32] = [-1, -1]
        guard cconf_send(socket, head, NurseCall.headBytes, descriptors) == 0,
            cconf_send(socket, order, order.count, nil) == 0,
            cconf_receive(socket, &id, MemoryLayout<pid_t>.size, &none) == MemoryLayout<pid_t>.size, id > 0
        else { return nil }
        return id
    }

    func end(_ process: pid_t) {
        _ = cconf_send(socket, [NurseCall.end.rawValue, process], NurseCall.headBytes, nil)
    }
}

/// A process that decodes one upload and sends its frames through a pipe; it ends with this value at the latest.
final class DecodeProcess {
    private let id: pid_t
    private let output: Int32
    private let nursery: DecoderNursery

    fileprivate init(_ id: pid_t, output: Int32, of nursery: DecoderNursery) {
        self.id = id
        self.output = output
        self.nursery = nursery
    }

    deinit {
        nursery.end(id)
        close(output)
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
}

/// The system's `read`, which the method of the same name hides inside the class.
private func systemRead(_ file: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(file, buffer, count)
}
