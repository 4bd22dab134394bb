internal import CLibrary
package import TokenCore

/// A pipe's bytes as something that can be read more than once.
package struct SpooledInput: Sendable {
    /// Holds the bytes until it is let go.
    package let file: TemporaryFile
    /// Their SHA-256.
    package let digest: String

    package init(file: TemporaryFile, digest: String) {
        self.file = file
        self.digest = digest
    }

    /// Copies standard input.
    static func standardInput(limits: Limits, cancellation: Cancellation?) throws(TokenReelError) -> SpooledInput {
        guard isatty(STDIN_FILENO) == 0 else {
            throw TokenReelError(
                .invalidArgument, subject: "standard input", found: "a terminal", allowed: "a pipe or a file",
                remedy: "write cat clip.mp4 | tokenreel …")
        }
        let reader = FileReader(borrowing: STDIN_FILENO, name: "standard input")
        return try SpooledInput(reader, name: "standard input", limits, cancellation)
    }

    /// Copies what comes out of a named pipe, or of a shell's `<(…)`.
    static func pipe(
        _ path: String, limits: Limits, cancellation: Cancellation?
    ) throws(TokenReelError) -> SpooledInput {
        try SpooledInput(FileReader(path: path), name: path, limits, cancellation)
    }

    private init(
        _ reader: borrowing FileReader, name: String, _ limits: Limits, _ cancellation: Cancellation?
    ) throws(TokenReelError) {
        let file = try TemporaryFile()
        var sum = SHA256()
        var total = 0
        try reader.forEachBlock(stallSeconds: limits.stallSeconds, cancellation: cancellation) {
            block throws(TokenReelError) in
            total += block.count
            guard total <= limits.inputBytes else {
                throw TokenReelError(
                    .limitExceeded, subject: name, found: "more than \(limits.inputBytes) bytes",
                    allowed: "\(limits.inputBytes)", remedy: "raise it with --max-bytes")
            }
            try file.write(block)
            sum.update(block)
        }
        self.file = file
        digest = sum.finish()
    }
}
