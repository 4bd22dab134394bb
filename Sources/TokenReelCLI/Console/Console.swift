internal import ArgumentParser
internal import CLibrary
internal import TokenCore
internal import TokenReel

/// Talks to the user: results on standard output, everything else on standard error.
struct Console: Sendable {
    /// How much to say.
    enum Verbosity: Int, Sendable { case quiet, normal, verbose }
    let verbosity: Verbosity

    /// Writes a line of the result.
    ///
    /// - Throws: ``TokenReelError/Code/outputClosed`` if nobody reads it.
    static func result(_ line: String) throws(TokenReelError) {
        try Descriptor.write(Array((line + "\n").utf8), to: STDOUT_FILENO, subject: "standard output")
    }

    /// Says something that is useful to most.
    func say(_ line: String) { if verbosity != .quiet { Self.talk(line) } }

    /// Says something for those who want to know more.
    func detail(_ line: String) { if verbosity == .verbose { Self.talk(line) } }

    /// Says what went wrong, unless the output's reader went away: that is how `| head` ends.
    func report(_ error: TokenReelError) {
        guard error.code != .outputClosed, error.code != .cancelled || verbosity != .quiet else { return }
        let word = Terminal.isPlain ? "error:" : "\u{1B}[31merror:\u{1B}[0m"
        Self.talk("\(word) \(Self.printable(error.description))")
    }

    private static func talk(_ line: String) {
        // Nobody can be told that standard error is closed.
        _ = (line + "\n").withCString { write(STDERR_FILENO, $0, strlen($0)) }
    }

    /// Text that can't play tricks on a terminal.
    static func printable(_ text: String) -> String { text.printable }
}

/// What standard error is connected to.
enum Terminal {
    /// Whether a line can be written over.
    static let isInteractive = isatty(STDERR_FILENO) == 1 && variable("TERM") != "dumb"
    /// Whether colours are unwelcome.
    static let isPlain = !isInteractive || !(variable("NO_COLOR") ?? "").isEmpty

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}

extension TokenReelError {
    /// The code to exit with when this ends the command.
    var exitCode: ExitCode {
        switch code {
        case .cancelled: Interruption.exitCode ?? ExitCode(1)
        case .invalidArgument: ExitCode(64)
        case .unreadableInput, .unsupportedInput, .missingSignal: ExitCode(3)
        case .limitExceeded: ExitCode(4)
        case .outputClosed: ExitCode(141)
        default: ExitCode(1)
        }
    }
}
