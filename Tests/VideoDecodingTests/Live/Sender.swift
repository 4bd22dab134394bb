import Foundation

/// A process that sends, until it is told otherwise.
struct Sender {
    let process: Process

    static func start(_ arguments: String...) throws -> Sender { try start(arguments) }

    static func start(_ arguments: [String]) throws -> Sender {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return Sender(process: process)
    }

    /// Ends it without a chance to say goodbye.
    func kill() {
        signal(SIGKILL)
        process.waitUntilExit()
    }

    /// Holds it, so that its connections stay open and silent.
    func pause() { signal(SIGSTOP) }

    func go() { signal(SIGCONT) }

    private func signal(_ number: Int32) {
        if process.isRunning { Foundation.kill(process.processIdentifier, number) }
    }
}
