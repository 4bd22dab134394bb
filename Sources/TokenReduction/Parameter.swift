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
    /// The words to choose from, where the value is a choice; the value is then the place of the word.
    public let choices: [String]
    /// What it does.
    public let summary: String

    /// A number within a range.
    public static func real(_ name: String, _ value: Double, in range: ClosedRange<Double>, _ summary: String)
        -> Parameter
    {
        Parameter(name: name, defaultValue: value, range: range, isWhole: false, choices: [], summary: summary)
    }

    /// A whole number within a range.
    public static func whole(_ name: String, _ value: Int, in range: ClosedRange<Int>, _ summary: String) -> Parameter {
        Parameter(
            name: name, defaultValue: Double(value), range: Double(range.lowerBound)...Double(range.upperBound),
            isWhole: true, choices: [], summary: summary)
    }

    /// A choice among words; the first is the default.
    public static func choice(_ name: String, among choices: [String], _ summary: String) -> Parameter {
        Parameter(
            name: name, defaultValue: 0, range: 0...Double(choices.count - 1), isWhole: true, choices: choices,
            summary: summary)
    }

    /// Something that is done or not, written 1 or 0.
    public static func flag(_ name: String, _ value: Bool, _ summary: String) -> Parameter {
        .whole(name, value ? 1 : 0, in: 0...1, summary)
    }

    /// Reads a value as typed by a user.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` unless it is a number in range.
    public func parse(_ text: String) throws(TokenReelError) -> Double {
        if !choices.isEmpty {
            guard let place = choices.firstIndex(of: text) else {
                throw TokenReelError(
                    .invalidArgument, subject: "parameter \(name)", found: "\"\(text)\"",
                    allowed: choices.joined(separator: ", "), remedy: "set it with --set \(name)=WORD")
            }
            return Double(place)
        }
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

extension Parameter {
    /// The word that a value stands for; nil where the value is a number.
    public func choice(_ value: Double) -> String? {
        choices.indices.contains(Int(value)) ? choices[Int(value)] : nil
    }
}

/// The values of a method's parameters: its defaults, the recipe's choices, then the user's.
public struct ParameterValues: Sendable, Equatable {
    private var values: [String: Double]

    package init(_ values: [String: Double]) { self.values = values }

    /// The value of a parameter.
    ///
    /// - Precondition: The method's descriptor declares the parameter; the same holds for the other ways to read one.
    public func real(_ name: String) -> Double {
        guard let value = values[name] else { preconditionFailure("parameter \(name) is not declared by its method") }
        return value
    }

    /// The value of a parameter that takes whole numbers.
    public func whole(_ name: String) -> Int { Int(real(name)) }
    /// Whether a flag is set.
    public func flag(_ name: String) -> Bool { real(name) != 0 }

    /// The case that stands at the place of the chosen word, of an enumeration over the same words in the same order.
    public func choice<Choice: CaseIterable>(_ name: String, as type: Choice.Type) -> Choice {
        let all = Array(Choice.allCases)
        return all[min(max(whole(name), 0), all.count - 1)]
    }
}

extension Parameter {
    /// The same parameter with a recipe's own default.
    func withDefault(_ value: Double?) -> Parameter {
        Parameter(
            name: name, defaultValue: value ?? defaultValue, range: range, isWhole: isWhole, choices: choices,
            summary: summary)
    }
}
