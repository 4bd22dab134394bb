internal import ArgumentParser
internal import TokenCore
internal import TokenReduction
internal import TokenReel

/// Several values of one option, separated by commas.
struct ListArgument<Value: LosslessStringConvertible & Sendable>: ExpressibleByArgument, Sendable {
    let values: [Value]

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Value(String($0)) }
        guard !parts.isEmpty, !parts.contains(where: { $0 == nil }) else { return nil }
        values = parts.compactMap(\.self)
    }
}

/// The size of a language model.
struct LanguageModelArgument: ExpressibleByArgument {
    let model: LanguageModel
    static let allValueStrings = LanguageModel.qwen2.map(\.name)

    init?(argument: String) {
        guard let model = LanguageModel.qwen2.first(where: { $0.name == argument.lowercased() }) else { return nil }
        self.model = model
    }
}

/// `tokenreel compare`.
struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Reduce one input by several methods and put the results side by side.",
        discussion: """
            The input is decoded and encoded once. Methods that need something it lacks are skipped and named; one that \
            fails does not stop the others, and the exit code is then 2.
            """)

    @Argument(help: "A video, an address, a token grid, or -.")
    var input: String

    @Option(help: ArgumentHelp("The methods, or all. (default: all)", valueName: "a,b"))
    var methods: ListArgument<String>?

    @Option(help: ArgumentHelp("Keep these shares of the tokens. (default: 0.05,0.1,0.25)", valueName: "R,R"))
    var keep: ListArgument<Double>?

    @Option(help: ArgumentHelp("Keep these numbers of tokens.", valueName: "N,N"))
    var tokens: ListArgument<Int>?

    @Option(help: "The Qwen2 size whose prefill is counted: 0.5b, 7b or 72b. (default: 7b)")
    var llm: LanguageModelArgument?

    @Flag(help: "Let methods whose signal is missing use their documented substitutes; they are marked.")
    var allowSubstitute = false

    @OptionGroup(title: "Query") var query: QueryOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Sampling") var sampling: SamplingOptions

    @OptionGroup var threads: ThreadOptions

    @Flag(help: "Report as JSON on standard output.")
    var json = false

    @Flag(help: "Report as comma-separated values on standard output.")
    var csv = false

    @Option(help: ArgumentHelp("Write a page with the curves of quality against tokens.", valueName: "file.html"))
    var report: String?

    @Flag(help: "Replace a file that is there.")
    var overwrite = false

    @OptionGroup(title: "Limits") var limits: LimitOptions
    @OptionGroup(title: "Talk") var talk: TalkOptions

    mutating func validate() throws {
        guard !(json && csv) else { throw ValidationError("Give only one of --json and --csv.") }
        guard keep == nil || tokens == nil else { throw ValidationError("Give only one of --keep and --tokens.") }
    }

    func run() throws {
        let console = talk.console
        try console.ending { () throws(TokenReelError) in
            let source = InputSource(argument: input)
            if let report { try OutputTarget.file(report).check(against: [source], mayOverwrite: overwrite) }
            let comparison = try compare(source)
            if let report { try OutputFile.write(comparison.page, to: report) }
            if json {
                try Console.result(comparison.json)
            } else if csv {
                try Console.result(String(comparison.csv.dropLast()))
            } else {
                try Console.result(CompareText.text(comparison))
            }
            if let report { console.say("\(Console.printable(report)) shows the curves.") }
            return exitCode(comparison, console)
        }
    }

    private func compare(_ source: InputSource) throws(TokenReelError) -> Comparison {
        var pipeline = try sampling.pipeline(model, limits, threads: threads.count())
        pipeline.request.allowSubstitute = allowSubstitute
        try query.apply(to: &pipeline, model)
        let opened = try OpenInput(source, limits: limits.limits, cancellation: Interruption.cancellation)
        let progress = ProgressDisplay(isShown: talk.showsProgress, total: 1)
        defer { progress.finish() }
        return try pipeline.compare(
            opened, methods: names, budgets: budgets,
            languageModel: llm?.model ?? LanguageModel.qwen2[1],
            encoding: { progress.update(0, named: source.name, $0) }, reducing: { progress.update($0) })
    }

    /// Nil for all.
    private var names: [String]? { methods?.values == ["all"] ? nil : methods?.values }

    private var budgets: [TokenBudget] {
        tokens.map { $0.values.map(TokenBudget.tokens) } ?? (keep?.values ?? [0.05, 0.1, 0.25]).map(TokenBudget.ratio)
    }

    private func exitCode(_ comparison: Comparison, _ console: Console) -> ExitCode {
        for omission in comparison.omissions where !omission.isSkipped {
            console.report(omission.error.about("method \(omission.method)"))
        }
        if comparison.entries.isEmpty, let first = comparison.omissions.first { return first.error.exitCode }
        return comparison.omissions.contains { !$0.isSkipped } ? ExitCode(2) : .success
    }
}
