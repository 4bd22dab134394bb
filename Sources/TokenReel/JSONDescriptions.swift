package import TokenCore
package import TokenReduction

// How values of other modules read as JSON, in reports and in files alike.

extension TokenBudget {
    /// `{"ratio":0.1}`, `{"tokens":512}` or `{"per_frame":64}`.
    package var json: JSONValue {
        switch self {
        case .ratio(let ratio): .members(["ratio": .number(ratio)])
        case .tokens(let count): .members(["tokens": .integer(count)])
        case .perFrame(let count): .members(["per_frame": .integer(count)])
        }
    }
}

extension StreamWindow {
    /// `{"frames":32}`, with `"seconds"` where they are bounded.
    package var json: JSONValue { .members(["frames": .integer(frames), "seconds": seconds.map(JSONValue.number)]) }
}

extension GridShape {
    /// Its four terms by name.
    package var json: JSONValue {
        .members([
            "frames": .integer(frames), "rows": .integer(rows), "columns": .integer(columns),
            "channels": .integer(channels),
        ])
    }
}

extension TokenReelError {
    /// The members every error has, absent ones as null.
    package var json: JSONValue {
        .members([
            "code": .string(code.name), "subject": .string(subject), "found": .string(found),
            "allowed": allowed.map(JSONValue.string) ?? .null, "remedy": remedy.map(JSONValue.string) ?? .null,
        ])
    }
}
