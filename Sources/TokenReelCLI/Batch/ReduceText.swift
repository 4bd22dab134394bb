internal import TokenCore
internal import TokenReduction
internal import TokenReel
internal import VideoDecoding

/// Outcomes for people.
enum ReduceText {
    /// A few aligned lines about one input; nil where an error has said it all.
    static func outcome(_ outcome: ReduceJob.Outcome, verbosity: Console.Verbosity) -> String? {
        let names =
            "\(Console.printable(outcome.input.name)) -> \(Console.printable(outcome.output.name))"
        switch outcome.status {
        case .failed: return nil
        case .skipped: return "\(names)\n" + line("skipped", "the result is there already")
        case .planned: return ([names] + (outcome.forecast.map(planned) ?? [])).joined(separator: "\n")
        case .done:
            guard let report = outcome.report else { return nil }
            return ([names] + done(report, outcome, verbosity)).joined(separator: "\n")
        }
    }

    /// One line about a whole batch.
    static func summary(_ outcomes: [ReduceJob.Outcome]) -> String {
        func count(_ status: ReduceJob.Outcome.Status) -> Int { outcomes.count { $0.status == status } }
        var parts = ["\(outcomes.count) inputs"]
        for status in [ReduceJob.Outcome.Status.done, .planned, .skipped, .failed] where count(status) > 0 {
            parts.append("\(count(status)) \(status.rawValue)")
        }
        let reports = outcomes.compactMap(\.report)
        let tokens = (reports.reduce(0) { $0 + $1.tokensIn }, reports.reduce(0) { $0 + $1.tokensOut })
        if tokens.0 > 0 { parts.append("\(Figures.count(tokens.0)) -> \(Figures.count(tokens.1)) tokens") }
        return parts.joined(separator: ", ")
    }

    private static func done(
        _ report: ReductionReport, _ outcome: ReduceJob.Outcome, _ verbosity: Console.Verbosity
    ) -> [String] {
        var lines: [String] = []
        if let video = report.video { lines.append(line("video", describe(video))) }
        if verbosity == .verbose, let statistics = report.statistics {
            lines.append(
                line(
                    "decoding",
                    "\(statistics.strategy.rawValue), \(Figures.count(statistics.packetsRead)) packets, "
                        + "\(Figures.count(statistics.framesDecoded)) frames decoded, \(statistics.seeks) seeks, "
                        + "\(statistics.decodeErrors) errors"))
        } else if let errors = report.statistics?.decodeErrors, errors > 0 {
            lines.append(line("damage", "\(Figures.count(errors)) packets or pictures could not be decoded"))
        }
        lines.append(line("grid", describe(report.shape)))
        lines.append(
            line(
                "tokens",
                "\(Figures.count(report.tokensIn)) -> \(Figures.count(report.tokensOut)) (\(Figures.percent(report.ratio)))"
            ))
        lines.append(line("segments", Figures.count(report.segments)))
        if let size = report.codebookSize { lines.append(line("codebook", "\(Figures.count(size)) codes")) }
        if let hash = report.hash { lines.append(line("codes", describe(hash))) }
        if let quantization = report.quantization {
            lines.append(
                line(
                    "stored",
                    "\(quantization.scheme), \(Figures.fixed(quantization.bitsPerValue, 2)) bits a number, cosine "
                        + Figures.fixed(quantization.cosine, 4)))
        }
        if let selection = outcome.keyframes {
            lines.append(
                line(
                    "pictures",
                    "\(Figures.count(selection.keyframes.count)) frames, which show \(Figures.fixed(selection.coverage, 3)) "
                        + "of the tokens"))
        }
        let quality = report.quality
        lines.append(
            line(
                "coverage",
                "\(Figures.fixed(quality.coverage, 3)), worst 5 % \(Figures.fixed(quality.coverageP05, 3)), fidelity "
                    + Figures.fixed(quality.fidelity, 3)))
        let shown = outcome.stages.filter { verbosity == .verbose || $0.seconds >= 0.005 }
        let stages = shown.map { "\($0.stage) \(Figures.fixed($0.seconds, 2))" }.joined(separator: ", ")
        lines.append(
            line(
                "seconds",
                Figures.fixed(report.seconds + outcome.writeSeconds, 2) + (stages.isEmpty ? "" : ": \(stages)")))
        lines.append(line("memory", "\(Figures.megabytes(report.peakMemoryBytes)) at most"))
        return lines + outcome.notices.map { line("note", Console.printable($0)) }
    }

    private static func describe(_ hash: HashFigures) -> String {
        var text = "\(hash.levels) a token, \(Figures.percent(hash.usage)) used"
        if let cosine = hash.cosine { text += ", cosine \(Figures.fixed(cosine, 3))" }
        return text + ", \(Figures.count((hash.bits + 7) / 8)) bytes"
    }

    private static func planned(_ forecast: Forecast) -> [String] {
        var lines: [String] = []
        if let video = forecast.video { lines.append(line("video", describe(video))) }
        guard let shape = forecast.shape else {
            return lines + [line("grid", "unknown: the container does not tell how many frames it holds")]
        }
        lines.append(line("grid", describe(shape)))
        let kept = forecast.tokensOut.map(Figures.count) ?? "as many as the content asks for"
        lines.append(line("tokens", "\(Figures.count(shape.tokenCount)) -> \(kept)"))
        if let bytes = forecast.gridBytes, let resident = forecast.residentGridBytes {
            lines.append(
                line("memory", "\(Figures.megabytes(bytes)) of grid\(resident < bytes ? ", kept in a file" : "")"))
        }
        return lines
    }

    static func describe(_ video: VideoInfo) -> String {
        var text = "\(Console.printable(video.codec)) \(video.width)x\(video.height)"
        if let duration = video.duration { text += ", \(Figures.seconds(duration))" }
        return text
    }

    static func describe(_ shape: GridShape) -> String {
        "\(Figures.count(shape.frames)) frames of \(shape.rows)x\(shape.columns) tokens of \(shape.channels)"
    }

    /// A label and what it labels, in two columns.
    static func line(_ label: String, _ text: String) -> String {
        "  \(label)\(String(repeating: " ", count: max(1, 10 - label.count)))\(text)"
    }
}
