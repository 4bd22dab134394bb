import Foundation
import TestSupport

/// An interpreter that has what a test needs.
struct Python {
    let command: String

    /// The one that an environment variable names, or else `command`; nil where it or one of `packages` is missing.
    static func find(_ variable: String, orElse command: String? = nil, packages: [String]) -> Python? {
        guard let command = ProcessInfo.processInfo.environment[variable] ?? command else { return nil }
        let python = Python(command: command)
        let search = "import sys, importlib.util as u; sys.exit(not all(map(u.find_spec, sys.argv[1:])))"
        return (try? python.run(["-c", search] + packages))?.status == 0 ? python : nil
    }

    /// Runs a program of this package, leaving no compiled files beside it.
    func run(_ program: String, _ arguments: String...) throws -> CommandRun { try run(program, arguments) }

    func run(_ program: String, _ arguments: [String]) throws -> CommandRun {
        try run(["-B", SharedFiles.package.appending(path: program).path] + arguments)
    }

    private func run(_ arguments: [String]) throws -> CommandRun {
        let running = try RunningCommand(
            [command] + arguments, of: URL(filePath: "/usr/bin/env"), in: nil, keepsInputOpen: false)
        return try running.wait(atMost: 600)
    }
}
