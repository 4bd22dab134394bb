internal import ArgumentParser
internal import TokenReel

/// The command `tokenreel`.
@main
struct TokenReelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenreel",
        abstract: "Turn video into the few visual tokens a Video-LLM needs.",
        discussion: """
            Results go to standard output or the named file, everything else to standard error.

            Exit codes: 0 done; 1 failure; 2 some of several inputs failed; 3 input unreadable or unsupported; \
            4 a limit was exceeded; 64 wrong usage; 130 interrupted; 141 the reader of the output went away; \
            143 terminated.
            """,
        version: ProductVersion.current,
        subcommands: [
            ReduceCommand.self, EncodeCommand.self, StreamCommand.self, CompareCommand.self, InspectCommand.self,
            MethodsCommand.self, ServeCommand.self, DoctorCommand.self,
        ])

    static func main() {
        Interruption.watch()
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            exit(withError: error)
        }
    }
}
