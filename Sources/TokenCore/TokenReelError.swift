/// What went wrong, in terms a user can act on: what was found, what is allowed and which option changes it.
public struct TokenReelError: Error, Sendable, Equatable, Codable {
    /// The kind of failure.
    ///
    /// New kinds may be added; compare codes, don't switch over them exhaustively.
    public struct Code: Hashable, Sendable, Codable, CustomStringConvertible {
        /// The stable name used in JSON output, such as `limit-exceeded`.
        public let name: String

        /// An option or argument makes no sense.
        public static let invalidArgument = Code(name: "invalid-argument")
        /// The input can't be opened or is not what it claims to be.
        public static let unreadableInput = Code(name: "unreadable-input")
        /// The input is well formed but of a kind that is not accepted.
        public static let unsupportedInput = Code(name: "unsupported-input")
        /// A limit on pixels, frames, bytes, tokens or seconds was reached.
        public static let limitExceeded = Code(name: "limit-exceeded")
        /// A method needs a signal (saliency, query, …) that the grid does not carry.
        public static let missingSignal = Code(name: "missing-signal")
        /// Reading or writing failed in the operating system.
        public static let inputOutput = Code(name: "input-output")
        /// Whoever read the output stopped reading.
        public static let outputClosed = Code(name: "output-closed")
        /// The caller cancelled the work.
        public static let cancelled = Code(name: "cancelled")

        /// Same as ``name``.
        public var description: String { name }
    }

    /// The kind of failure.
    public let code: Code
    /// The file, stream, tensor or option the failure is about.
    public let subject: String
    /// What was found there.
    public let found: String
    /// What would have been accepted.
    public let allowed: String?
    /// The option or step that changes the outcome.
    public let remedy: String?

    /// Describes one failure.
    public init(
        _ code: Code, subject: String, found: String, allowed: String? = nil, remedy: String? = nil
    ) {
        self.code = code
        self.subject = subject
        self.found = found
        self.allowed = allowed
        self.remedy = remedy
    }

    /// The same failure told about another subject, such as the file that a low-level reader did not know by name.
    public func about(_ subject: String) -> TokenReelError {
        TokenReelError(code, subject: subject, found: found, allowed: allowed, remedy: remedy)
    }
}

extension TokenReelError: CustomStringConvertible {
    /// One line: `subject: found; allowed: …; remedy`.
    public var description: String {
        var line = "\(subject): \(found)"
        if let allowed { line += "; allowed: \(allowed)" }
        if let remedy { line += "; \(remedy)" }
        return line
    }
}
