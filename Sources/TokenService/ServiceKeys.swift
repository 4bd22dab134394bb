internal import Essentials
public import TokenCore
internal import TokenReel

/// The keys that open a service; who holds one is told apart from the others by its place.
public struct ServiceKeys: Sendable {
    private let digests: [[UInt8]]

    /// The shortest key that can't be guessed.
    private static let shortest = 16

    /// Reads a file with one key a line; empty lines and those that start with `#` are passed over.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput``; ``TokenReelError/Code/invalidArgument`` for keys that are
    ///   short, not of visible ASCII, or none.
    public init(path: String) throws(TokenReelError) {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw TokenReelError(.unreadableInput, subject: path, found: "a file that can't be read")
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map {
            $0.trimmingPrefix(while: \.isWhitespace)
        }
        let keys = lines.filter { !$0.isEmpty && !$0.hasPrefix("#") }
        guard !keys.isEmpty,
            keys.allSatisfy({ $0.count >= Self.shortest && $0.utf8.allSatisfy { 0x21...0x7e ~= $0 } })
        else {
            throw TokenReelError(
                .invalidArgument, subject: path, found: keys.isEmpty ? "no keys" : "a key that can't be used",
                allowed: "lines of \(Self.shortest) or more visible characters", remedy: "try openssl rand -hex 24")
        }
        digests = keys.map { Self.digest(of: String($0)) }
    }

    /// The place of a key, or nil if it is none; takes the same time for every key that is none.
    func place(of key: String) -> Int? {
        let digest = Self.digest(of: key)
        var place: Int?
        for (index, known) in digests.enumerated() {
            var difference: UInt8 = 0
            for (a, b) in zip(known, digest) { difference |= a ^ b }
            if difference == 0 { place = index }
        }
        return place
    }

    private static func digest(of key: String) -> [UInt8] {
        var sum = SHA256()
        Array(key.utf8).withUnsafeBytes { sum.update($0) }
        return Array(sum.finish().utf8)
    }
}
