internal import TokenCore
internal import TokenReduction
internal import TokenReel
internal import VideoDecoding

/// Outcomes for programs: one object, `"schema": 1`.
///
/// Members may be added; those that are there keep their name, type and unit.
enum ReduceJSON {
    /// The object of one input; for several, an object with `results` and `summary`.
    static func report(_ outcomes: [ReduceJob.Outcome]) -> JSONValue {
        if outcomes.count == 1 { return .report(describe(outcomes[0])) }
        func count(_ status: ReduceJob.Outcome.Status) -> JSONValue {
            .integer(outcomes.count { $0.status == status })
        }
        let reports = outcomes.compactMap(\.report)
        let summary = JSONValue.members([
            "inputs": .integer(outcomes.count), "done": count(.done), "skipped": count(.skipped),
            "planned": count(.planned), "failed": count(.failed),
            "tokens_in": .integer(reports.reduce(0) { $0 + $1.tokensIn }),
            "tokens_out": .integer(reports.reduce(0) { $0 + $1.tokensOut }),
        ])
        let results = JSONValue.array(outcomes.map { describe($0) })
        return .report(["results": results, "summary": summary])
    }

    private static func describe(_ outcome: ReduceJob.Outcome) -> JSONValue {
        let start = JSONValue.members([
            "input": .string(inputName(outcome.input)), "output": .string(outcome.output.name),
            "status": .string(outcome.status.rawValue),
        ])
        let rest: JSONValue =
            if let error = outcome.error {
                .members(["error": error.json])
            } else if let forecast = outcome.forecast {
                describe(forecast)
            } else if let report = outcome.report {
                report.json(
                    then: outcome.status == .done ? [outcome.writeTiming] : [], notices: outcome.notices,
                    keyframes: outcome.keyframes)
            } else {
                .object([])
            }
        return start.joined(with: rest)
    }

    private static func describe(_ forecast: Forecast) -> JSONValue {
        .members([
            "video": forecast.video.map(\.json), "grid": forecast.shape.map(\.json) ?? .null,
            "tokens": .members([
                "in": forecast.shape.map { .integer($0.tokenCount) } ?? .null,
                "out": forecast.tokensOut.map(JSONValue.integer) ?? .null,
            ]),
            "grid_bytes": forecast.gridBytes.map(JSONValue.integer) ?? .null,
            "resident_grid_bytes": forecast.residentGridBytes.map(JSONValue.integer) ?? .null,
        ])
    }

    private static func inputName(_ input: InputSource) -> String {
        if case .file(let path) = input { path } else { input.name }
    }
}
