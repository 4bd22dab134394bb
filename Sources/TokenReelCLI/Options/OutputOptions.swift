internal import ArgumentParser

/// Where tokens go, and how the command tells of them.
struct OutputOptions: ParsableArguments {
    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("The file to write, or - for standard output.", valueName: "file"))
    var path: String?

    @Option(help: ArgumentHelp("The name to write into the file as its source.", valueName: "name"))
    var sourceName: String?

    @Flag(help: "Replace an output that is not a token file.")
    var overwrite = false

    @Flag(help: "Report as JSON on standard output.")
    var json = false

    mutating func validate() throws {
        guard !(json && path == "-") else {
            throw ValidationError("--json and the tokens of -o - both want standard output; write one to a file.")
        }
    }

    /// Where the tokens go; nil to name a file after the input.
    var target: OutputTarget? { path.map(OutputTarget.init(argument:)) }
}
