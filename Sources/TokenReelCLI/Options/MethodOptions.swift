// Public, because TokenDType and TokenOrder are, and so must be what they conform to.
public import ArgumentParser
internal import TokenCore
public import TokenReduction
public import TokenReel

extension TokenDType: ExpressibleByArgument {}
extension TokenOrder: ExpressibleByArgument {}
extension PositionRule: ExpressibleByArgument {}

/// `64` or `auto`.
struct CodebookArgument: ExpressibleByArgument {
    let size: CodebookSize

    init?(argument: String) {
        if argument == "auto" {
            size = .auto
        } else if let count = Int(argument), count >= 1 {
            size = .fixed(count)
        } else {
            return nil
        }
    }
}

/// `name=value`.
struct SettingArgument: ExpressibleByArgument {
    let name: String
    let value: String

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else { return nil }
        name = String(argument[..<equals])
        value = String(argument[argument.index(after: equals)...])
    }
}

/// Which method reduces, to how many tokens, looking for what.
struct MethodOptions: ParsableArguments {
    @Option(help: "The method; see tokenreel methods. (default: \(RecipeRegistry.defaultName))")
    var method: String?

    @Option(name: .customLong("set"), help: ArgumentHelp("Set a parameter of the method.", valueName: "name=value"))
    var settings: [SettingArgument] = []

    @Option(help: "Keep this share of the tokens. (default: 0.1)")
    var keep: Double?

    @Option(help: "Keep this many tokens.")
    var tokens: Int?

    @Option(help: "Keep this many tokens for each frame, shared among the frames.")
    var perFrame: Int?

    @Flag(help: "Leave every frame the same number of tokens, rows x columns, for programs that count by a grid.")
    var gridPreserving = false

    @Flag(help: "Compare Qwen3-VL's tokens together with their DeepStack vectors, as vLLM's pruning does.")
    var compareStreams = false

    @OptionGroup(title: "Method") var query: QueryOptions

    @Option(help: ArgumentHelp("Entries of the codebook, for methods that hash.", valueName: "K|auto"))
    var codebook: CodebookArgument?

    @Flag(help: "Follow the published code's rounding and quirks instead of the exact count.")
    var asPublished = false

    @Flag(help: "Let a method whose signal is missing use its documented substitute.")
    var allowSubstitute = false

    mutating func validate() throws {
        guard [keep != nil, tokens != nil, perFrame != nil].count(where: { $0 }) <= 1 else {
            throw ValidationError("Give only one of --keep, --tokens and --per-frame.")
        }
    }

    /// Puts these choices into a pipeline with the encoder of `model`.
    func apply(to pipeline: inout Pipeline, _ model: ModelOptions) throws(TokenReelError) {
        if let method { pipeline.method = method }
        for setting in settings { pipeline.parameters[setting.name] = setting.value }
        if let keep { pipeline.request.budget = .ratio(keep) }
        if let tokens { pipeline.request.budget = .tokens(tokens) }
        if let perFrame { pipeline.request.budget = .perFrame(perFrame) }
        pipeline.request.isGridPreserving = gridPreserving
        pipeline.comparesStreams = compareStreams
        pipeline.request.codebook = codebook?.size
        pipeline.request.asPublished = asPublished
        pipeline.request.allowSubstitute = allowSubstitute
        try pipeline.validate()
        try query.apply(to: &pipeline, model)
    }
}
