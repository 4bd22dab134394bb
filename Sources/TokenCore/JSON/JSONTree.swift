/// A JSON text as values, for the headers of tensor files and the settings and vocabularies of checkpoints.
///
/// Keys stay in the order of the text and apart by their bytes, equal ones included. A dictionary of Swift strings would
/// join keys that only differ in Unicode normalisation, and vocabularies hold such pairs; and a reader that silently
/// keeps one of two equal keys lets two programs see different tensors in one file.
package enum JSONTree: Sendable {
    case null
    case boolean(Bool)
    /// A number written with digits only, and perhaps a minus; not `-0`.
    case integer(Int)
    /// Any other number, and those beyond `Int`.
    case number(Double)
    case string(String)
    case array([JSONTree])
    case object([(key: String, value: JSONTree)])

    /// Parses a whole text.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` naming `file` and the byte where it stops being JSON.
    package init(parsing bytes: [UInt8], file: String) throws(TokenReelError) {
        var parser = JSONParser(bytes)
        do throws(JSONParser.Failure) {
            self = try parser.document()
        } catch {
            throw TokenReelError(
                .unreadableInput, subject: file, found: "\(error.found) at byte \(error.offset)", allowed: "JSON")
        }
    }

    /// The member of an object; of equal keys the last, as in Python.
    ///
    /// Nil if there is none, or for other values.
    package subscript(key: StaticString) -> JSONTree? {
        guard case .object(let members) = self else { return nil }
        let name = "\(key)"
        return members.last { $0.key.utf8.elementsEqual(name.utf8) }?.value
    }

    /// Whether this is `null`, which files use for "not set".
    package var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// The text of a string.
    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// A number that is whole and fits `Int32`.
    package var integer: Int? {
        switch self {
        case .integer(let value): Int32(exactly: value).map(Int.init)
        case .number(let value): Int32(exactly: value).map(Int.init)
        default: nil
        }
    }

    /// Any number.
    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// The path of a key that an object holds twice, here or further down; nil if there is none.
    package var repeatedKey: String? {
        switch self {
        case .object(let members):
            var keys = Set<String>()
            for (key, value) in members {
                if !keys.insert(key).inserted { return key }
                if let inner = value.repeatedKey { return "\(key).\(inner)" }
            }
            return nil
        case .array(let elements): return elements.lazy.compactMap(\.repeatedKey).first
        default: return nil
        }
    }

    /// The value as errors show it.
    package var summary: String {
        switch self {
        case .null: "null"
        case .boolean(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
        case .string(let text): "\"\(text.prefix(60))\""
        case .array(let elements): "an array of \(elements.count)"
        case .object(let members): "{\(members.prefix(6).map(\.key).joined(separator: ", "))}"
        }
    }
}
