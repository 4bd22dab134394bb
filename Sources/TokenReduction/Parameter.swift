public import TokenCore

/// A number that users can set on a method.
public struct Parameter: Sendable {
    /// The name used with `--set`.
    public let name: String
    /// The value when nothing is set, as published unless the summary says otherwise.
    public let defaultValue: Double
    /// Accepted values.
    public let range: ClosedRange<Double>
    /// Whether only whole numbers make sense.
    public let isWhole: Bool
    /// What it does.
    public let summary: String

    static func real(_ name: String, _ value: Double, in range: ClosedRange<Double>, _ summary: String) -> Parameter {
        Parameter(name: name, defaultValue: value, range: range, isWhole: false, summary: summary)
    }

    static func whole(_ name: String, _ value: Int, in range: ClosedRange<Int>, _ summary: String) -> Parameter {
        Parameter(
            name: name, defaultValue: Double(value), range: Double(range.lowerBound)...Double(range.upperBound),
            isWhole: true, summary: summary)
    }

    /// Reads a value as typed by a user.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` unless it is a number in range.
    public func parse(_ text: String) throws(TokenReelError) -> Double {
        guard let value = Double(text), range.contains(value), !isWhole || value == value.rounded() else {
            let bounds =
                isWhole
                ? "\(Int(range.lowerBound)) to \(Int(range.upperBound))" : "\(range.lowerBound) to \(range.upperBound)"
            throw TokenReelError(
                .invalidArgument, subject: "parameter \(name)", found: "\"\(text)\"",
                allowed: "a \(isWhole ? "whole " : "")number from \(bounds)", remedy: "set it with --set \(name)=VALUE")
        }
        return value
    }
}

/// The values of a method's parameters: its defaults, the recipe's choices, then the user's.
public struct ParameterValues: Sendable, Equatable {
    private var values: [String: Double]

    package init(_ values: [String: Double]) { self.values = values }

    func real(_ name: String) -> Double {
        guard let value = values[name] else { preconditionFailure("parameter \(name) is not declared by its method") }
        return value
    }

    func whole(_ name: String) -> Int { Int(real(name)) }
    func flag(_ name: String) -> Bool { real(name) != 0 }
}

extension Parameter {
    /// The same parameter with a recipe's own default.
    func withDefault(_ value: Double?) -> Parameter {
        Parameter(
            name: name, defaultValue: value ?? defaultValue, range: range, isWhole: isWhole, summary: summary)
    }
}
