internal import TokenCore

/// Tokens and their ids, told apart by their bytes.
///
/// Swift strings are equal if they look the same, and vocabularies hold tokens that only differ in normalisation.
struct Vocabulary: Sendable {
    private struct Key: Hashable, Sendable {
        let text: String

        static func == (a: Key, b: Key) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }

        func hash(into hasher: inout Hasher) {
            let text = text
            if text.utf8.withContiguousStorageIfAvailable({ hasher.combine(bytes: UnsafeRawBufferPointer($0)) }) == nil
            {
                for byte in text.utf8 { hasher.combine(byte) }
            }
        }
    }

    private var ids: [Key: Int32] = [:]

    /// Reads the object of token and id that `vocab.json` and `tokenizer.json` hold.
    init(_ tree: JSONTree, file: String) throws(TokenReelError) {
        guard case .object(let members) = tree, !members.isEmpty else {
            throw TokenReelError(
                .unreadableInput, subject: file, found: tree.summary, allowed: "an object of tokens and their ids")
        }
        ids.reserveCapacity(members.count)
        for (token, value) in members {
            guard let id = value.integer, id >= 0 else {
                throw TokenReelError(
                    .unreadableInput, subject: file, found: "\(value.summary) for token \"\(token.prefix(40))\"",
                    allowed: "ids from 0 to \(Int32.max)")
            }
            ids[Key(text: token)] = Int32(id)
        }
    }

    /// The id of a token; nil if it is none.
    subscript(token: String) -> Int32? { ids[Key(text: token)] }
}
