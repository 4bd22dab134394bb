internal import TokenCore
internal import TokenReduction

extension Comparison {
    /// The comparison as one JSON object, `"schema": 1`: the grid, the language model, what the whole grid would cost,
    /// and the figures of every entry and omission.
    public var json: String { jsonValue.text }

    /// The comparison as comma-separated values with a header: one line for each entry, then for each omission and
    /// budget.
    public var csv: String {
        let formulas = LanguageModel.PrefillFormula.allCases
        var lines = [
            ["method", "status", "budget", "tokens", "ratio", "coverage", "coverage_p05", "fidelity", "density"]
                + formulas.flatMap { ["prefill_flops_\($0.rawValue)", "prefill_share_\($0.rawValue)"] }
                + ["seconds", "peak_memory_bytes", "note"]
        ]
        for entry in entries {
            let flops = formulas.flatMap {
                [languageModel.prefillFLOPs(entry.tokens, by: $0), prefillShare(entry.tokens, by: $0)]
            }
            let quality = entry.quality
            let numbers =
                [ratio(entry), quality.coverage, quality.coverageP05, quality.fidelity, quality.density]
                + flops + [entry.seconds]
            lines.append(
                [entry.method, "done", Self.text(entry.budget), "\(entry.tokens)"]
                    + numbers.map { JSONValue.number($0).text } + ["\(entry.peakMemoryBytes)"]
                    + [entry.substituted.isEmpty ? "" : "substitutes for \(Self.names(entry.substituted))"])
        }
        for omission in omissions {
            for budget in omission.budgets {
                let start = [omission.method, omission.isSkipped ? "skipped" : "failed", Self.text(budget)]
                let empty = [String](repeating: "", count: lines[0].count - start.count - 1)
                lines.append(start + empty + [omission.error.description])
            }
        }
        return lines.map { $0.map(Self.quoted).joined(separator: ",") + "\n" }.joined()
    }

    /// One self-contained page with the curves of quality against tokens and the table behind them; it needs no network.
    public var page: String {
        HTMLPage(template: PackageResources.comparison_html, title: "Methods compared on \(input)", data: jsonValue)
            .text
    }

    package var jsonValue: JSONValue {
        .report([
            "input": .string(input), "grid": shape.json,
            "language_model": .members([
                "name": .string(languageModel.name), "layers": .integer(languageModel.layers),
                "width": .integer(languageModel.width), "feed_forward_width": .integer(languageModel.feedForwardWidth),
                "heads": .integer(languageModel.heads), "key_value_heads": .integer(languageModel.keyValueHeads),
            ]),
            "unreduced": .members([
                "tokens": .integer(shape.tokenCount),
                "prefill_flops": byFormula { languageModel.prefillFLOPs(shape.tokenCount, by: $0) },
            ]),
            "results": .array(entries.map(describe)),
            "omitted": .array(
                omissions.map { omission in
                    .members([
                        "method": .string(omission.method),
                        "status": .string(omission.isSkipped ? "skipped" : "failed"),
                        "budgets": .array(omission.budgets.map(\.json)), "error": omission.error.json,
                    ])
                }),
        ])
    }

    private func describe(_ entry: Entry) -> JSONValue {
        .members([
            "method": .string(entry.method), "budget": entry.budget.json, "tokens": .integer(entry.tokens),
            "ratio": .number(ratio(entry)), "coverage": .number(entry.quality.coverage),
            "coverage_p05": .number(entry.quality.coverageP05), "fidelity": .number(entry.quality.fidelity),
            "density": .number(entry.quality.density),
            "measured_tokens": .integer(entry.quality.measuredTokens),
            "prefill_flops": byFormula { languageModel.prefillFLOPs(entry.tokens, by: $0) },
            "prefill_share": byFormula { prefillShare(entry.tokens, by: $0) }, "seconds": .number(entry.seconds),
            "peak_memory_bytes": .integer(entry.peakMemoryBytes),
            "substituted": .array(entry.substituted.map { .string($0.rawValue) }),
        ])
    }

    private func byFormula(_ figure: (LanguageModel.PrefillFormula) -> Double) -> JSONValue {
        .object(
            LanguageModel.PrefillFormula.allCases.map {
                JSONValue.Member(key: $0.rawValue, value: .number(figure($0)))
            })
    }

    private func ratio(_ entry: Entry) -> Double {
        shape.tokenCount == 0 ? 0 : Double(entry.tokens) / Double(shape.tokenCount)
    }

    private static func names(_ signals: [Signal]) -> String { signals.map(\.rawValue).joined(separator: " and ") }

    private static func text(_ budget: TokenBudget) -> String {
        switch budget {
        case .ratio(let ratio): "ratio \(JSONValue.number(ratio).text)"
        case .tokens(let count): "tokens \(count)"
        case .perFrame(let count): "per_frame \(count)"
        }
    }

    /// As RFC 4180 has it.
    private static func quoted(_ field: String) -> String {
        field.contains { ",\"\r\n".contains($0) }
            ? "\"" + field.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
            : field
    }
}
