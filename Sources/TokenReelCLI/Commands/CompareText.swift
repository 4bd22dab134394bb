internal import TokenCore
internal import TokenReduction
internal import TokenReel

/// A comparison for people: a table of at most 100 columns for each budget.
enum CompareText {
    static func text(_ comparison: Comparison) -> String {
        var lines = [Console.printable(comparison.input)]
        lines.append(ReduceText.line("grid", ReduceText.describe(comparison.shape)))
        let model = comparison.languageModel
        let whole = comparison.shape.tokenCount
        let costs = LanguageModel.PrefillFormula.allCases.map { formula in
            "\(tera(model.prefillFLOPs(whole, by: formula))) (\(name(formula)))"
        }
        lines.append(
            ReduceText.line(
                "prefill",
                "all \(Figures.count(whole)) tokens by a \(model.name) model: \(costs.joined(separator: ", "))")
        )
        let width = min(max(comparison.entries.map { label($0).count }.max() ?? 0, 6), 17)
        for (budget, entries) in comparison.entriesByBudget {
            lines += ["", describe(budget), row(headings, width)]
            for entry in entries { lines.append(row(cells(entry, of: comparison, width), width)) }
        }
        if comparison.entries.contains(where: { !$0.substituted.isEmpty }) {
            lines += ["", "* on its documented substitute for a signal that the input lacks; --json names the signals"]
        }
        if !comparison.omissions.isEmpty { lines.append("") }
        for omission in comparison.omissions {
            let reason = omission.error.found + (omission.error.remedy.map { "; \($0)" } ?? "")
            lines.append(
                "\(omission.isSkipped ? "skipped" : "failed") \(omission.method): \(Console.printable(reason))")
        }
        return lines.joined(separator: "\n")
    }

    private static let widths = [8, 9, 6, 9, 7, 14, 14, 8, 8]
    private static let headings = [
        "method", "tokens", "coverage", "worst", "fidelity", "per 1k", "HoliTom TFLOP", "FastVID TFLOP", "seconds",
        "memory",
    ]

    private static func cells(_ entry: Comparison.Entry, of comparison: Comparison, _ width: Int) -> [String] {
        let quality = entry.quality
        let prefill = LanguageModel.PrefillFormula.allCases.map { formula in
            tera(comparison.languageModel.prefillFLOPs(entry.tokens, by: formula), unit: "") + " "
                + padded(Figures.percent(comparison.prefillShare(entry.tokens, by: formula)), 7)
        }
        let label = label(entry)
        return [
            label.count > width ? label.prefix(width - 1) + "…" : label, Figures.count(entry.tokens),
            Figures.fixed(quality.coverage, 3), Figures.fixed(quality.coverageP05, 3),
            Figures.fixed(quality.fidelity, 3), Figures.fixed(1000 * quality.density, 2),
        ] + prefill + [Figures.fixed(entry.seconds, 2), Figures.megabytes(entry.peakMemoryBytes)]
    }

    private static func row(_ cells: [String], _ width: Int) -> String {
        let first = cells[0] + String(repeating: " ", count: max(0, width - cells[0].count))
        return first + zip(cells.dropFirst(), widths).map(padded).joined()
    }

    private static func label(_ entry: Comparison.Entry) -> String {
        entry.method + (entry.substituted.isEmpty ? "" : " *")
    }

    private static func describe(_ budget: TokenBudget) -> String {
        switch budget {
        case .ratio(let ratio): "\(Figures.percent(ratio)) of the tokens"
        case .tokens(let count): "\(Figures.count(count)) tokens"
        case .perFrame(let count): "\(Figures.count(count)) tokens for each frame"
        }
    }

    private static func name(_ formula: LanguageModel.PrefillFormula) -> String {
        switch formula {
        case .holitom: "HoliTom"
        case .fastvid: "FastVID"
        }
    }

    /// Trillions, to three digits.
    private static func tera(_ value: Double, unit: String = " TFLOP") -> String {
        let value = value / 1e12
        return Figures.fixed(value, value < 1 ? 3 : value < 10 ? 2 : 1) + unit
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
