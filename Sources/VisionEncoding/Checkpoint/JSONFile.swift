internal import TokenCore

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// Small JSON files beside a checkpoint's weights.
enum JSONFile {
    /// Bytes that a file may have; the index of the largest published checkpoints takes under 1 MB.
    private static let largest = 32 << 20

    /// Reads a file whose keys are written in snake case.
    ///
    /// - Throws: ``TokenReelError`` naming the file, and the key where a value has another type than it should.
    static func decode<Value: Decodable>(_ path: String) throws(TokenReelError) -> Value {
        let data: Data
        do {
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            guard let size = attributes[.size] as? Int, size <= largest else {
                throw TokenReelError(
                    .limitExceeded, subject: path, found: "more than \(largest) bytes", allowed: "a small JSON file")
            }
            data = try Data(contentsOf: URL(filePath: path))
        } catch let error as TokenReelError {
            throw error
        } catch {
            throw TokenReelError(.unreadableInput, subject: path, found: "can't be read", allowed: "a JSON file")
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(Value.self, from: data)
        } catch let error as DecodingError {
            throw TokenReelError(.unreadableInput, subject: path, found: describe(error))
        } catch {
            throw TokenReelError(.unreadableInput, subject: path, found: "text that is not JSON")
        }
    }

    private static func describe(_ error: DecodingError) -> String {
        func key(_ path: [any CodingKey]) -> String { path.map(\.stringValue).joined(separator: ".") }
        return switch error {
        case .typeMismatch(let type, let context):
            "another type than \(type) for the key \"\(key(context.codingPath))\""
        case .valueNotFound(_, let context): "null for the key \"\(key(context.codingPath))\""
        case .keyNotFound(let missing, _): "no key \"\(missing.stringValue)\""
        default: "text that is not JSON"
        }
    }
}
