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
