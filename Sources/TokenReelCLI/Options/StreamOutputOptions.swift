internal import ArgumentParser

/// Where a stream's segments and figures go, and where it takes orders from.
struct StreamOutputOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder for the segments and their index; of several sources each has a folder in it.",
            valueName: "folder"))
    var outDir: String?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            """
            - writes the segments to standard output, each after its length as 8 bytes, little-endian; the lines of \
            JSON then go to standard error.
            """, valueName: "-"))
    var output: String?

    @Option(
        help: ArgumentHelp(
            "The most that the folder of a source may take, such as 2GB; the oldest segments go first.",
            valueName: "size"))
    var maxDisk: ByteCountArgument?

    @Option(
        help: ArgumentHelp("A file that always holds the current figures, as one JSON object.", valueName: "file"))
    var statusFile: String?

    @Option(
        help: ArgumentHelp(
            """
            A file or named pipe from which lines of JSON are taken while it runs, or - for standard input, such as \
            {"add":{"name":"ball","image":"ball.png"}} or {"remove":"ball"}.
            """, valueName: "file"))
    var control: String?

    mutating func validate() throws {
        guard output == nil || output == "-" else {
            throw ValidationError("--output takes only -; name a folder with --out-dir.")
        }
        guard output == nil || outDir == nil else { throw ValidationError("Give only one of --output and --out-dir.") }
        guard maxDisk == nil || outDir != nil else {
            throw ValidationError("--max-disk limits --out-dir; name a folder with that.")
        }
    }
}
