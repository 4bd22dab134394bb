import Foundation
import Synchronization
import TestSupport

/// The service, run as a process of its own on a free port of this machine.
final class RunningService: Sendable {
    let port: UInt16
    private let process: Process
    private let files: ScratchFolder

    /// The program beside the test bundle: both are products of the same build.
    static let executable = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appending(path: "tokenreel-serve")

    static let clip = SharedFiles.package.appending(path: "Samples/clip.mp4").path

    /// Starts it and waits until it listens.
    convenience init(_ arguments: String...) throws { try self.init(Self.executable, arguments) }

    init(_ program: URL, _ arguments: [String]) throws {
        files = try ScratchFolder()
        process = Process()
        process.executableURL = program
        process.arguments = arguments + ["--port", "0"]
        process.standardInput = FileHandle.nullDevice
        for name in ["out", "err"] { try Data().write(to: files.url.appending(path: name)) }
        process.standardOutput = try FileHandle(forWritingTo: files.url.appending(path: "out"))
        process.standardError = try FileHandle(forWritingTo: files.url.appending(path: "err"))
        try process.run()
        Self.endWithTests(process.processIdentifier)
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            let text = String(decoding: try files.bytes("out"), as: UTF8.self)
            if text.hasSuffix("/\n"), let port = text.dropLast(2).split(separator: ":").last.flatMap({ UInt16($0) }) {
                self.port = port
                return
            }
            guard process.isRunning, ContinuousClock.now < deadline else { throw CocoaError(.fileReadUnknown) }
            usleep(10_000)
        }
    }

    /// Services that tests share are never let go, so the end of the tests has to be theirs.
    private static func endWithTests(_ identifier: pid_t) {
        let isFirst = running.withLock { running in
            running.append(identifier)
            return running.count == 1
        }
        if isFirst {
            atexit { for identifier in RunningService.running.withLock({ $0 }) { kill(identifier, SIGKILL) } }
        }
    }

    private static let running = Mutex<[pid_t]>([])

    deinit {
        let identifier = identifier
        Self.running.withLock { $0.removeAll { $0 == identifier } }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// What it said on standard error.
    var log: String { (try? files.bytes("err")).map { String(decoding: $0, as: UTF8.self) } ?? "" }

    var identifier: pid_t { process.processIdentifier }
    var isRunning: Bool { process.isRunning }

    /// Asks it to end.
    func terminate() { kill(process.processIdentifier, SIGTERM) }

    /// Waits for its end; gives the exit code, negative for a signal.
    func wait(atMost seconds: Double = 30) -> Int32 {
        let watchdog = DispatchWorkItem { [process] in kill(process.processIdentifier, SIGKILL) }
        DispatchQueue.global().asyncAfter(deadline: .now() + seconds, execute: watchdog)
        process.waitUntilExit()
        watchdog.cancel()
        return process.terminationReason == .uncaughtSignal ? -process.terminationStatus : process.terminationStatus
    }

    /// Processes that decode an upload.
    var decoders: [pid_t] { Self.children(of: identifier).flatMap(Self.children) }

    private static func children(of process: pid_t) -> [pid_t] {
        let tasks = "/proc/\(process)/task"
        let started = ((try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []).flatMap { task in
            (FileManager.default.contents(atPath: "\(tasks)/\(task)/children") ?? Data())
                .split(separator: UInt8(ascii: " ")).compactMap { pid_t(String(decoding: $0, as: UTF8.self)) }
        }
        // Those that have ended are listed until their parent looks.
        return started.filter { child in
            let status = FileManager.default.contents(atPath: "/proc/\(child)/stat") ?? Data()
            return !status.isEmpty && !String(decoding: status, as: UTF8.self).contains(") Z ")
        }
    }

    // MARK: Asking

    /// Sends a request on a connection of its own and waits for the whole answer.
    func ask(
        _ method: String, _ path: String, _ fields: [String: String] = [:], body: Data? = nil
    ) throws -> Answer {
        let connection = try Connection(port: port)
        connection.send(Self.head(method, path, fields, length: body?.count ?? (method == "GET" ? nil : 0)))
        if let body { connection.send(body) }
        return try connection.answer()
    }

    /// Uploads the sample clip, or something else.
    func reduce(
        _ query: String = "", _ fields: [String: String] = [:], body: Data? = nil
    ) throws -> Answer {
        try ask("POST", "/v1/reduce?\(query)", fields, body: body ?? Self.clipBytes)
    }

    static let clipBytes = FileManager.default.contents(atPath: clip) ?? Data()

    /// The head of a request.
    static func head(_ method: String, _ path: String, _ fields: [String: String], length: Int?) -> Data {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
        lines += fields.map { "\($0): \($1)" }
        if let length { lines.append("Content-Length: \(length)") }
        return Data((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }

    /// The value of one of its metrics.
    func metric(_ name: String) throws -> Double? {
        try ask("GET", "/metrics").text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
            .flatMap { $0.split(separator: " ").last }.flatMap { Double($0) }
    }
}

/// What the service answered.
struct Answer {
    let status: Int
    /// By name in lower case.
    let fields: [String: String]
    let body: Data

    var text: String { String(decoding: body, as: UTF8.self) }

    func json() throws -> [String: Any] {
        guard let object = try JSONSerialization.jsonObject(with: body) as? [String: Any] else {
            throw CocoaError(.coderReadCorrupt)
        }
        return object
    }

    /// The code of a problem that is told as it should be: with the media type, the status, and no path.
    var problem: String? {
        guard fields["content-type"] == "application/problem+json", let object = try? json(),
            object["status"] as? Int == status, object["detail"] is String, object["title"] is String
        else { return nil }
        let told = ["detail", "allowed", "remedy"].compactMap { object[$0] as? String }.joined(separator: " ")
        guard !["/tmp", "/var", "/proc", "/dev", "/work", "/home", "/root"].contains(where: told.contains) else {
            return nil
        }
        return object["code"] as? String
    }

    /// Takes a whole answer apart.
    init(_ bytes: Data) throws {
        guard let end = bytes.firstRange(of: Data("\r\n\r\n".utf8)) else { throw CocoaError(.coderReadCorrupt) }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count > 1, let status = Int(words[1]) else { throw CocoaError(.coderReadCorrupt) }
        self.status = status
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        self.fields = fields
        let rest = bytes[end.upperBound...]
        guard fields["transfer-encoding"] == "chunked" else {
            // A body that breaks off is no answer.
            guard fields["content-length"].flatMap({ Int($0) }) ?? rest.count == rest.count else {
                throw CocoaError(.coderReadCorrupt)
            }
            body = Data(rest)
            return
        }
        body = try Self.joined(rest)
    }

    private static func joined(_ chunks: Data) throws -> Data {
        var body = Data()
        var rest = chunks
        while let line = rest.firstRange(of: Data("\r\n".utf8)),
            let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16)
        {
            if size == 0 { return body }
            guard rest.endIndex >= line.upperBound + size + 2 else { break }
            body += rest[line.upperBound..<line.upperBound + size]
            rest = rest[(line.upperBound + size + 2)...]
        }
        throw CocoaError(.coderReadCorrupt)
    }
}

/// A connection that sends what it is given, sound or not, as slowly as a test wants.
final class Connection {
    private let socket: Int32

    init(port: UInt16) throws {
        socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var limit = timeval(tv_sec: 120, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let status = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .ECONNREFUSED) }
    }

    deinit { close(socket) }

    /// Sends bytes, as many as the other side takes.
    @discardableResult
    func send(_ bytes: Data) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes {
                Foundation.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return false }
            rest = rest.dropFirst(sent)
        }
        return true
    }

    /// Receives what there is; empty at the end.
    func receive() -> Data {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(socket, &buffer, buffer.count, 0)
        return count > 0 ? Data(buffer[..<count]) : Data()
    }

    /// The answer, once the other side has closed the connection or sent all it said it would.
    func answer() throws -> Answer {
        var bytes = Data()
        while true {
            let piece = receive()
            bytes += piece
            if piece.isEmpty || (try? Answer(bytes))?.fields["content-length"] != nil { return try Answer(bytes) }
        }
    }
}
