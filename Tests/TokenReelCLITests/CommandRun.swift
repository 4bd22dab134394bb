import Foundation
import TestSupport

/// The built command, run as a process of its own.
struct CommandRun {
    let status: Int32
    let output: Data
    let errors: String

    var text: String { String(decoding: output, as: UTF8.self) }

    /// The one JSON object on standard output.
    func json() throws -> [String: Any] {
        guard let object = try JSONSerialization.jsonObject(with: output) as? [String: Any] else {
            throw CocoaError(.coderReadCorrupt)
        }
        return object
    }

    /// The command beside the test bundle: both are products of the same build.
    static let executable = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appending(path: "tokenreel")

    static let clip = SharedFiles.package.appending(path: "Samples/clip.mp4").path
    static let ball = SharedFiles.package.appending(path: "Samples/ball.png").path

    /// Runs to the end.
    static func tokenreel(
        _ arguments: String..., input: Data? = nil, in folder: ScratchFolder? = nil
    ) throws -> CommandRun {
        try tokenreel(arguments, input: input, in: folder)
    }

    static func tokenreel(
        _ arguments: [String], input: Data? = nil, in folder: ScratchFolder? = nil
    ) throws -> CommandRun {
        let running = try start(arguments, in: folder, keepsInputOpen: input != nil)
        if let input { try running.feed(input) }
        return try running.wait()
    }

    /// Starts without waiting.
    static func start(
        _ arguments: [String], in folder: ScratchFolder? = nil, keepsInputOpen: Bool = false
    ) throws -> RunningCommand {
        try RunningCommand(arguments, in: folder, keepsInputOpen: keepsInputOpen)
    }
}

/// A command that has not ended yet.
final class RunningCommand {
    let process = Process()
    private let input = Pipe()
    private let files = try? ScratchFolder()

    init(
        _ arguments: [String], of executable: URL = CommandRun.executable, in folder: ScratchFolder?,
        keepsInputOpen: Bool = false, reading source: Pipe? = nil
    ) throws {
        guard let files else { throw CocoaError(.fileWriteUnknown) }
        process.executableURL = executable
        process.arguments = arguments
        if let folder { process.currentDirectoryURL = folder.url }
        process.standardInput = source ?? (keepsInputOpen ? input : FileHandle.nullDevice)
        for name in ["out", "err"] { try files.write("", to: name) }
        // Files can't fill up and block as pipes do.
        process.standardOutput = try FileHandle(forWritingTo: files.url.appending(path: "out"))
        process.standardError = try FileHandle(forWritingTo: files.url.appending(path: "err"))
        try process.run()
    }

    /// Sends some of the input.
    func send(_ text: String) { try? input.fileHandleForWriting.write(contentsOf: Data(text.utf8)) }

    /// What the command has written to standard output so far, in whole lines.
    var linesSoFar: [Substring] {
        let text = String(decoding: (try? files?.bytes("out")) ?? Data(), as: UTF8.self)
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    }

    /// Waits until something holds; false if it does not in time.
    func waits(atMost seconds: Double = 30, until condition: (RunningCommand) throws -> Bool) rethrows -> Bool {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while Date() < deadline {
            if try condition(self) { return true }
            guard process.isRunning else { return try condition(self) }
            usleep(20_000)
        }
        return false
    }

    /// Sends all of the input and ends it.
    func feed(_ data: Data) throws {
        // A command that refuses its input early closes the pipe; that is for the test to judge by the exit code.
        try? input.fileHandleForWriting.write(contentsOf: data)
        try input.fileHandleForWriting.close()
    }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Waits for the end; a command that hangs is killed, which no test expects.
    func wait(atMost seconds: Double = 90) throws -> CommandRun {
        let watchdog = DispatchWorkItem { [process] in kill(process.processIdentifier, SIGKILL) }
        DispatchQueue.global().asyncAfter(deadline: .now() + seconds, execute: watchdog)
        process.waitUntilExit()
        watchdog.cancel()
        guard let files else { throw CocoaError(.fileReadUnknown) }
        let isSignal = process.terminationReason == .uncaughtSignal
        return CommandRun(
            status: isSignal ? -process.terminationStatus : process.terminationStatus, output: try files.bytes("out"),
            errors: String(decoding: try files.bytes("err"), as: UTF8.self))
    }
}

extension ScratchFolder {
    func write(_ text: String, to name: String) throws { try Data(text.utf8).write(to: url.appending(path: name)) }
    var names: [String] {
        (try? FileManager.default.subpathsOfDirectory(atPath: url.path).sorted()) ?? []
    }
    /// Puts a copy of the sample clip at a path inside.
    func addClip(_ name: String) throws {
        let target = url.appending(path: name)
        try FileManager.default.createDirectory(
            at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: CommandRun.clip, toPath: target.path)
    }
}

/// A web server for the folder of the sample clip; to a chat request it answers what it was asked, as JSON.
final class ScratchServer: Sendable {
    let port: Int
    private let process: Process

    /// Python announces the port that the system gave it.
    static func start() -> ScratchServer? {
        let program = """
            import http.server, functools, json, sys
            class Quiet(http.server.SimpleHTTPRequestHandler):
                def log_message(self, *arguments): pass
                def do_POST(self):
                    asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
                    if self.path != "/v1/chat/completions": return self.send_error(404)
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(json.dumps({"choices": [{"message": {"content": asked}}]}).encode())
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=sys.argv[1]))
            print(server.server_port, flush=True)
            import threading; threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
            server.serve_forever()
            """
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        let folder = URL(filePath: CommandRun.clip).deletingLastPathComponent().path
        process.arguments = ["python3", "-c", program, folder]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil, let line = try? output.fileHandleForReading.read(upToCount: 6),
            let port = Int(String(decoding: line, as: UTF8.self).filter(\.isNumber))
        else { return nil }
        return ScratchServer(port: port, process: process)
    }

    private init(port: Int, process: Process) {
        self.port = port
        self.process = process
    }
}
