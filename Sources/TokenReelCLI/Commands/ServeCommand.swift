internal import ArgumentParser
internal import CLibrary
internal import Essentials
internal import TokenCore

/// `tokenreel serve`: becomes the program `tokenreel-serve` beside this one, so that the command itself needs no server.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve reductions over HTTP; tokenreel serve --help tells more.")

    @Argument(parsing: .captureForPassthrough, help: "What tokenreel-serve takes.")
    var arguments: [String] = []

    func run() throws {
        try Console(verbosity: .normal).ending { () throws(TokenReelError) in
            let path = Self.program
            let argv = ([path] + arguments).map { strdup($0) } + [nil]
            execv(path, argv)
            throw TokenReelError(
                .invalidArgument, subject: "serve", found: "\(path): \(String(cString: strerror(errno)))",
                allowed: "the program tokenreel-serve beside tokenreel",
                remedy: "build it with swift build -c release --product tokenreel-serve")
        }
    }

    /// The program of that name in the folder where this one really lies.
    private static var program: String {
        #if os(Linux)
            let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        #else
            let own = realpath(CommandLine.arguments[0], nil).map { String(cString: $0) } ?? ""
        #endif
        return own.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
            + "/tokenreel-serve"
    }
}
