import TokenReel

/// Reduces a video by a method of its own, and compares it with two that come with the package.
///
/// usage: AddMethod VIDEO
@main struct AddMethod {
    static func main() throws {
        guard CommandLine.arguments.count == 2 else { fatalError("usage: AddMethod VIDEO") }
        var pipeline = try Pipeline()
        pipeline.decodeOptions.sampling = .rate(4)
        pipeline.recipes.append(.recentMotion)

        let input = try OpenInput(.file(CommandLine.arguments[1]))
        let methods = ["recent-motion", "evs", RecipeRegistry.defaultName]
        let comparison = try pipeline.compare(input, methods: methods, budgets: [.ratio(0.1)])
        for entry in comparison.entries {
            print("\(entry.method): \(entry.tokens) tokens, coverage \(entry.quality.coverage)")
        }

        // The method is now one like any other: by name, with parameters, in the file's metadata.
        pipeline.method = "recent-motion"
        pipeline.parameters = ["persistence": "0.9"]
        let reduced = try pipeline.reduce(input)
        print(reduced.metadata["recipe"] ?? "", "->", reduced.report.tokensOut, "tokens")

        // What every method promises: the same result at any number of threads.
        pipeline.request.workers = 4
        let again = try pipeline.reduce(input)
        precondition(again.sequence.plan == reduced.sequence.plan)
    }
}
