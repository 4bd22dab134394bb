internal import Essentials
internal import TokenCore

/// Small JSON files beside a checkpoint's weights.
enum JSONFile {
    /// Reads a file whose keys are written in snake case.
    ///
    /// - Throws: ``TokenReelError`` naming the file, and the key where a value has another type than it should.
    static func decode<Value: Decodable>(_ name: String, in folder: String) throws(TokenReelError) -> Value {
        guard let file = try ModelFile(name, in: folder) else {
            throw TokenReelError(
                .unreadableInput, subject: folder, found: "no \(name)", allowed: "a checkpoint folder",
                remedy: "name the folder that holds config.json and model.safetensors")
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(Value.self, from: Data(file.bytes))
        } catch let error as DecodingError {
            throw TokenReelError(.unreadableInput, subject: file.path, found: describe(error))
        } catch {
            throw TokenReelError(.unreadableInput, subject: file.path, found: "text that is not JSON")
        }
    }

    private static func describe(_ error: DecodingError) -> String {
        func key(_ path: [any CodingKey]) -> String { path.map(asWritten).joined(separator: ".") }
        return switch error {
        case .typeMismatch(let type, let context):
            "another type than \(type) for the key \"\(key(context.codingPath))\""
        case .valueNotFound(_, let context): "null for the key \"\(key(context.codingPath))\""
        case .keyNotFound(let missing, _): "no key \"\(asWritten(missing))\""
        default: "text that is not JSON"
        }
    }

    /// A key in the file's snake case.
    private static func asWritten(_ key: any CodingKey) -> String {
        key.stringValue.reduce(into: "") { text, letter in
            text += letter.isUppercase ? "_" + letter.lowercased() : String(letter)
        }
    }
}
