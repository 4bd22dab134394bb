internal import ArgumentParser
internal import TokenCore
internal import TokenReduction
internal import TokenReel

/// `tokenreel methods`.
struct MethodsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "methods", abstract: "List the methods, or tell about one: stages, papers, parameters, cost.")

    @Argument(help: "The method to tell about.")
    var name: String?

    @Flag(help: "Report as JSON on standard output.")
    var json = false

    func run() throws {
        try Console(verbosity: .normal).ending { () throws(TokenReelError) in
            let entries = if let name { [try MethodCatalogue.entry(named: name)] } else { MethodCatalogue.entries }
            if json {
                try Console.result(MethodCatalogue.json(of: entries).text)
            } else if name == nil {
                try Console.result(Self.table(entries))
            } else {
                for entry in entries { try Console.result(Self.text(entry)) }
            }
            return .success
        }
    }

    /// Methods by the stages they are made of, then what is chosen beside a method, by what it concerns.
    private static func table(_ entries: [CatalogueEntry]) -> String {
        let width = (entries.map(\.name.count).max() ?? 0) + 2
        var groups: [(title: String, lines: [String])] = []
        for entry in entries {
            let title = entry.recipe.map { "methods that \(deeds(of: $0))" } ?? heading(entry.kind)
            let mark = entry.name == RecipeRegistry.defaultName ? " (default)" : ""
            let line = "  " + padded(entry.name, width) + entry.summary + mark
            if let group = groups.firstIndex(where: { $0.title == title }) {
                groups[group].lines.append(line)
            } else {
                groups.append((title, [line]))
            }
        }
        return (groups.flatMap { [$0.title] + $0.lines + [""] } + ["tokenreel methods NAME tells about one."])
            .joined(separator: "\n")
    }

    private static func deeds(of recipe: RecipeDescriptor) -> String {
        recipe.stages.map(\.kind.rawValue).joined(separator: ", ")
    }

    private static func heading(_ kind: CatalogueEntry.Kind) -> String {
        switch kind {
        case .method: "methods"
        case .query: "questions"
        case .order: "order of tokens, set with --order"
        case .storage: "tokens in fewer bits, set with --quantize"
        case .codes: "codes"
        case .layout: "layout"
        case .memory: "memory of streams"
        }
    }

    private static func text(_ entry: CatalogueEntry) -> String {
        var lines = [
            entry.name, "  \(entry.summary)", "  use: \(entry.usage)", "  source: \(entry.source)",
        ]
        if !entry.needs.isEmpty {
            lines.append("  needs: \(entry.needs.map(\.rawValue).sorted().joined(separator: ", "))")
        }
        if entry.recipe == nil { lines.append("  cost: \(entry.cost)") }
        if let licence = entry.licence { lines.append("  licence of the reference: \(licence)") }
        if !entry.rows.isEmpty {
            lines.append("  list rows: \(entry.rows.map(String.init).joined(separator: ", "))")
        }
        if let recipe = entry.recipe { lines += ["", "stages"] + stageLines(of: recipe) }
        if !entry.parameters.isEmpty {
            let example = entry.kind == .storage ? "--quantize \(entry.name):name=value,…" : "--set name=value"
            lines += ["", "parameters, set with \(example)"]
            let width = (entry.parameters.map(\.name.count).max() ?? 0) + 2
            for parameter in entry.parameters {
                let value = parameter.choice(parameter.defaultValue) ?? number(parameter.defaultValue)
                let range =
                    parameter.choices.isEmpty
                    ? "\(number(parameter.range.lowerBound)) to \(number(parameter.range.upperBound))"
                    : "of \(parameter.choices.joined(separator: ", "))"
                lines.append("  \(padded(parameter.name, width))\(parameter.summary) (default \(value), \(range))")
            }
        }
        return lines.joined(separator: "\n")
    }

    private static func stageLines(of recipe: RecipeDescriptor) -> [String] {
        recipe.stages.flatMap { stage in
            [
                "  \(padded(stage.kind.rawValue, 9))\(stage.name): \(stage.summary)",
                "           source: \(stage.source)", "           cost: \(stage.cost)",
            ]
        }
    }

    private static func number(_ value: Double) -> String { JSONValue.number(value).text }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
