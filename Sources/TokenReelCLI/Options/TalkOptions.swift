internal import ArgumentParser

/// What the command says while it works.
struct TalkOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Say nothing but errors.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Say more: how the video was read, and seconds of every stage.")
    var verbose = false

    @Flag(help: "Show no progress.")
    var noProgress = false

    mutating func validate() throws {
        guard !(quiet && verbose) else { throw ValidationError("Give only one of --quiet and --verbose.") }
    }

    var console: Console { Console(verbosity: quiet ? .quiet : verbose ? .verbose : .normal) }
    var showsProgress: Bool { !quiet && !noProgress }
}
