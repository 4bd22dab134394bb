import Foundation
import TestSupport
import Testing
import TokenCore
import VisionEncoding

private let fixtures = SharedFiles.package.appending(path: "Tests/VisionEncodingTests/Fixtures/tokenizers")

private struct Texts: Decodable {
    let texts: [String]

    /// Strings by scalar: `Decodable` keeps them as they are, composed or not.
    static func read() throws -> [String] {
        try JSONDecoder().decode(Texts.self, from: Data(contentsOf: fixtures.appending(path: "texts.json"))).texts
    }
}

private struct Expected: Decodable {
    let length: Int
    let pad: Int32
    let padsLeft: Bool
    let lowercases: Bool?
    let ids: [[Int32]]

    static func read(_ folder: String) throws -> Expected {
        try JSONDecoder().decode(
            Expected.self, from: Data(contentsOf: fixtures.appending(path: "\(folder)/expected.json")))
    }
}

@Suite struct TokenizingParityTests {
    @Test(arguments: ["clip", "clip-joint", "siglip", "siglip-bytes", "siglip2", "gemma"])
    func idsEqualThoseOfTransformers(folder: String) throws {
        let texts = try Texts.read()
        let expected = try Expected.read(folder)
        #expect(texts.count == expected.ids.count && texts.count > 200)
        let tokenizer = try loadTokenizer(
            folder: fixtures.appending(path: folder).path, lowercasesGemma: expected.lowercases ?? true)
        #expect(tokenizer.contextLength == expected.length)
        for (text, reference) in zip(texts, expected.ids) {
            let ids = try tokenizer.ids(for: text)
            #expect(ids.count == expected.length)
            let pads = [Int32](repeating: expected.pad, count: expected.length - reference.count)
            let padded = expected.padsLeft ? pads + reference : reference + pads
            #expect(
                ids == padded, "\(String(reflecting: text).prefix(120)): \(ids.prefix(40)), not \(padded.prefix(40))")
        }
    }

    @Test func contextLengthCutsBeforeTheEnd() throws {
        let folder = fixtures.appending(path: "clip").path
        let long = try loadTokenizer(folder: folder).ids(for: String(repeating: "cat dog ", count: 100))
        let short = try loadTokenizer(folder: folder, contextLength: 9).ids(
            for: String(repeating: "cat dog ", count: 100))
        #expect(short.count == 9)
        #expect(short.prefix(8) == long.prefix(8))
        #expect(short.last == long.last)
    }
}

@Suite struct TokenizingHostileTests {
    /// A folder with files of a fixture, some of them changed.
    private func withFolder<Result>(
        _ fixture: String, _ changes: [String: [UInt8]] = [:], without: [String] = [],
        _ body: (String) throws -> Result
    ) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for name in ["tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "spiece.model"] {
            let source = fixtures.appending(path: "\(fixture)/\(name)")
            let target = folder.appending(path: name)
            if let change = changes[name] {
                try Data(change).write(to: target)
            } else if !without.contains(name), FileManager.default.fileExists(atPath: source.path) {
                try FileManager.default.createSymbolicLink(at: target, withDestinationURL: source)
            }
        }
        return try body(folder.path)
    }

    private func error(
        _ fixture: String, _ changes: [String: String] = [:], without: [String] = []
    ) throws -> TokenReelError? {
        try withFolder(fixture, changes.mapValues { Array($0.utf8) }, without: without) { folder in
            do throws(TokenReelError) {
                _ = try loadTokenizer(folder: folder)
                return nil
            } catch { return error }
        }
    }

    @Test func namesWhatIsMissing() throws {
        let none = try #require(try error("clip", without: ["vocab.json"]))
        #expect(none.found == "no tokenizer" && none.allowed?.contains("spiece.model") == true)
        let half = try #require(try error("clip", without: ["merges.txt"]))
        #expect(half.found.contains("merges.txt"))
    }

    @Test(arguments: [
        ("clip", "vocab.json", "[]", "vocab.json"),
        ("clip", "vocab.json", #"{"a": 0}"#, "vocab.json"),
        ("clip", "vocab.json", #"{"a": -1}"#, "ids from 0"),
        ("clip", "merges.txt", "#version: 0.2\na b c\n", "merges.txt"),
        ("clip", "merges.txt", "nothing\n", "merges.txt"),
        ("clip", "merges.txt", "zzzz qqqq\n", "no token"),
        ("clip", "tokenizer_config.json", #"{"padding_side": "up"}"#, "padding_side"),
        ("clip", "tokenizer_config.json", #"{"eos_token": "<nowhere>"}"#, "<nowhere>"),
        (
            "clip", "tokenizer_config.json", #"{"added_tokens_decoder": {"x": {"content": "a"}}}"#,
            "added_tokens_decoder"
        ),
        ("siglip2", "tokenizer.json", #"{"model": {"type": "WordPiece", "vocab": {}}}"#, "model.type"),
        ("siglip2", "tokenizer.json", #"{"model": {"type": "BPE", "vocab": {"a": 0}}}"#, "model.merges"),
        (
            "siglip2", "tokenizer.json", #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]}}"#,
            "model.merges"
        ),
        ("siglip2", "tokenizer.json", #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}"#, "model"),
        ("siglip2", "tokenizer.json", #"{"model""#, "at byte"),
        ("siglip", "spiece.model", "", "no pieces"),
        ("siglip", "spiece.model", "\u{0A}\u{7F}", "beyond the end"),
        ("siglip", "spiece.model", "\u{0A}\u{03}\u{0A}\u{01}a", "no unknown piece"),
        ("siglip", "spiece.model", "\u{12}\u{02}\u{18}\u{02}", "model_type"),
    ])
    func namesFileAndFault(fixture: String, file: String, text: String, named: String) throws {
        let error = try #require(try error(fixture, [file: text]))
        #expect(error.description.contains(named), "\(error)")
        #expect(error.subject.contains(file) || error.subject.contains("vocab.json"), "\(error)")
    }

    @Test(arguments: [
        ("siglip", "spiece.model", 150), ("siglip-bytes", "spiece.model", 250), ("siglip2", "tokenizer.json", 100),
        ("clip", "vocab.json", 100), ("clip", "merges.txt", 100),
    ])
    func damagedFilesGiveAnErrorOrATokenizer(fixture: String, file: String, rounds: Int) throws {
        let original = [UInt8](try Data(contentsOf: fixtures.appending(path: "\(fixture)/\(file)")))
        var state: UInt64 = 88_172_645_463_325_252
        func random(_ count: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(count))
        }
        var loaded = 0
        for round in 0..<rounds {
            var bytes = original
            for _ in 0..<1 + random(4) { bytes[random(bytes.count)] = UInt8(random(256)) }
            // Lengths and the trie lie at both ends, so some damage goes there on purpose.
            if round % 5 == 0 { bytes[random(64)] ^= 1 << UInt8(random(8)) }
            if round % 7 == 0 { bytes.removeLast(random(bytes.count)) }
            try withFolder(fixture, [file: bytes]) { folder in
                guard let tokenizer = try? loadTokenizer(folder: folder) else { return }
                loaded += 1
                for text in ["", "Two dogs isn't 日本語 ﷺ ㌔ 😀 é</s>", "\u{0}\u{301}<eos> "] {
                    let ids = try tokenizer.ids(for: text)
                    #expect(ids.count == tokenizer.contextLength)
                }
            }
        }
        #expect(loaded < rounds)
    }

    @Test func longTextsTakeTimeInProportion() throws {
        let text = String(repeating: "ab日Σ' <un ▁", count: 30_000)
        for fixture in ["clip", "siglip", "siglip-bytes", "siglip2"] {
            let tokenizer = try loadTokenizer(folder: fixtures.appending(path: fixture).path)
            let start = ContinuousClock.now
            _ = try tokenizer.ids(for: text)
            // Takes 0.1 to 0.4 s; a step that copies the text for each character takes minutes.
            #expect(start.duration(to: .now) < .seconds(20))
            #expect(throws: TokenReelError.self) { try tokenizer.ids(for: text + text + text + text) }
        }
    }

    @Test(arguments: [1, 0, -5, 8193]) func refusesContextLengths(length: Int) {
        #expect(throws: TokenReelError.self) {
            try loadTokenizer(folder: fixtures.appending(path: "clip").path, contextLength: length)
        }
    }
}
