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
            let recipes =
                if let name { [try RecipeRegistry.descriptor(named: name)] } else { RecipeRegistry.recipes }
            if json {
                let list = JSONValue.members(["methods": .array(recipes.map(Self.describe))])
                try Console.result(JSONValue.object(ReduceJSON.header + ReduceJSON.object(list)).text)
            } else if name == nil {
                try Console.result(Self.table(recipes))
            } else {
                for recipe in recipes { try Console.result(Self.text(recipe)) }
            }
            return .success
        }
    }

    private static func table(_ recipes: [RecipeDescriptor]) -> String {
        let width = (recipes.map(\.name.count).max() ?? 0) + 2
        let lines = recipes.map { recipe in
            let mark = recipe.name == RecipeRegistry.defaultName ? " (default)" : ""
            return padded(recipe.name, width) + recipe.summary + mark
        }
        return (lines + ["", "tokenreel methods NAME tells about one."]).joined(separator: "\n")
    }

    private static func text(_ recipe: RecipeDescriptor) -> String {
        var lines = [recipe.name, "  \(recipe.summary)", "  source: \(recipe.source)"]
        if !recipe.needs.isEmpty {
            lines.append("  needs: \(recipe.needs.map(\.rawValue).sorted().joined(separator: ", "))")
        }
        lines += ["", "stages"]
        for stage in recipe.stages {
            lines.append("  \(padded(stage.kind.rawValue, 9))\(stage.name): \(stage.summary)")
            lines.append("           source: \(stage.source)")
            lines.append("           cost: \(stage.cost)")
        }
        if !recipe.parameters.isEmpty {
            lines += ["", "parameters, set with --set name=value"]
            let width = (recipe.parameters.map(\.name.count).max() ?? 0) + 2
            for parameter in recipe.parameters {
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

    private static func describe(_ recipe: RecipeDescriptor) -> JSONValue {
        .members([
            "name": .string(recipe.name), "summary": .string(recipe.summary), "source": .string(recipe.source),
            "default": .boolean(recipe.name == RecipeRegistry.defaultName),
            "needs": .array(recipe.needs.map(\.rawValue).sorted().map(JSONValue.string)),
            "list_rows": .array(recipe.rows.map(JSONValue.integer)),
            "reference_licence": recipe.licence.map(JSONValue.string),
            "emits_codebook": .boolean(recipe.emitsCodebook),
            "stages": .array(
                recipe.stages.map { stage in
                    .members([
                        "stage": .string(stage.kind.rawValue), "name": .string(stage.name),
                        "summary": .string(stage.summary), "source": .string(stage.source),
                        "cost": .string(stage.cost), "overlaps": .boolean(stage.overlaps),
                        "needs": .array(stage.needs.map(\.rawValue).sorted().map(JSONValue.string)),
                    ])
                }),
            "parameters": .array(
                recipe.parameters.map { parameter in
                    .members([
                        "name": .string(parameter.name),
                        "default": parameter.choice(parameter.defaultValue).map(JSONValue.string)
                            ?? .number(parameter.defaultValue),
                        "minimum": parameter.choices.isEmpty ? .number(parameter.range.lowerBound) : nil,
                        "maximum": parameter.choices.isEmpty ? .number(parameter.range.upperBound) : nil,
                        "whole": parameter.choices.isEmpty ? .boolean(parameter.isWhole) : nil,
                        "choices": parameter.choices.isEmpty ? nil : .array(parameter.choices.map(JSONValue.string)),
                        "summary": .string(parameter.summary),
                    ])
                }),
        ])
    }

    private static func number(_ value: Double) -> String { JSONValue.number(value).text }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
