internal import TokenCore
package import TokenReduction

extension MethodCatalogue {
    /// A report of some entries: the methods, then what is chosen beside them.
    package static func json(of entries: [CatalogueEntry] = entries) -> JSONValue {
        let (methods, options) = (entries.filter { $0.kind == .method }, entries.filter { $0.kind != .method })
        return .report(["methods": .array(methods.map(\.json)), "options": .array(options.map(\.json))])
    }
}

extension CatalogueEntry {
    /// The entry by name of its parts.
    package var json: JSONValue {
        .members([
            "name": .string(name), "kind": .string(kind.rawValue), "summary": .string(summary),
            "usage": .string(usage), "source": .string(source),
            "default": .boolean(name == RecipeRegistry.defaultName),
            "needs": .array(needs.map(\.rawValue).sorted().map(JSONValue.string)),
            "list_rows": .array(rows.map(JSONValue.integer)),
            "reference_licence": licence.map(JSONValue.string), "cost": .string(cost),
            "emits_codebook": recipe.map { .boolean($0.emitsCodebook) },
            "stages": recipe.map { recipe in
                .array(
                    recipe.stages.map { stage in
                        .members([
                            "stage": .string(stage.kind.rawValue), "name": .string(stage.name),
                            "summary": .string(stage.summary), "source": .string(stage.source),
                            "cost": .string(stage.cost), "overlaps": .boolean(stage.overlaps),
                            "needs": .array(stage.needs.map(\.rawValue).sorted().map(JSONValue.string)),
                        ])
                    })
            },
            "parameters": .array(
                parameters.map { parameter in
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
}
