import Foundation
import Safetensors
import TestSupport
import Testing
import TokenCore

/// Small files with the verdict of the Python package on each, written by scripts/make-safetensors-corpus.py.
struct CorpusCase: Decodable, CustomStringConvertible {
    let name: String
    let file: String
    let accepted: Bool
    /// The rule of the format that the package lets pass and this reader does not.
    let stricter: String?

    var description: String { name }

    static let all: [CorpusCase] = {
        let path = SharedFiles.package.appending(path: "Tests/SafetensorsTests/Fixtures/headers.jsonl")
        let lines = (try? String(contentsOf: path, encoding: .utf8))?.split(separator: "\n") ?? []
        return lines.compactMap { try? JSONDecoder().decode(CorpusCase.self, from: Data($0.utf8)) }
    }()

    var bytes: [UInt8] {
        let digits = Array(file.utf8).map {
            UInt8(truncatingIfNeeded: Character(Unicode.Scalar($0)).hexDigitValue ?? 0)
        }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}

@Suite struct SafetensorsCorpusTests {
    @Test func corpusIsThere() {
        #expect(CorpusCase.all.count > 400)
        #expect(CorpusCase.all.filter(\.accepted).count > 50)
        #expect(CorpusCase.all.filter { $0.stricter != nil }.count > 5)
    }

    @Test func verdictsAgreeWithThePythonPackage() {
        for example in CorpusCase.all {
            do {
                _ = try SafetensorsFile(bytes: example.bytes)
                #expect(example.accepted, "accepted \(example.name), which the package refuses")
                #expect(example.stricter == nil, "accepted \(example.name): \(example.stricter ?? "")")
            } catch {
                #expect(!example.accepted || example.stricter != nil, "\(example.name): \(error)")
            }
        }
    }

    @Test func everyShorteningOfAFileIsRefused() throws {
        let path = SharedFiles.package.appending(path: "Tests/SafetensorsTests/Fixtures/reference.safetensors")
        let whole = [UInt8](try Data(contentsOf: path))
        for count in 0..<whole.count {
            #expect(throws: TokenReelError.self, "\(count) bytes") {
                try SafetensorsFile(bytes: Array(whole.prefix(count)))
            }
        }
        #expect(throws: TokenReelError.self) { try SafetensorsFile(bytes: whole + [0]) }
    }

    @Test func deepNestingIsRefusedWithoutExhaustingTheStack() {
        let levels = 4_000_000
        let text = "{\"a\":{\"x\":" + String(repeating: "[", count: levels)
        let file = withUnsafeBytes(of: UInt64(text.utf8.count).littleEndian, Array.init) + Array(text.utf8)
        #expect { try SafetensorsFile(bytes: file) } throws: {
            ($0 as? TokenReelError)?.found.contains("nested") == true
        }
    }

    @Test func headerAboveTheCapIsALimit() {
        let length = 10_000_001
        let file =
            withUnsafeBytes(of: UInt64(length).littleEndian, Array.init) + [UInt8](repeating: 0x20, count: length)
        #expect { try SafetensorsFile(bytes: file) } throws: { ($0 as? TokenReelError)?.code == .limitExceeded }
    }

    /// Each rule has words of its own: a user must be able to tell what is wrong with the file.
    @Test(arguments: [
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"a\":{}}", "twice"),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"shape\":[2],\"data_offsets\":[0,8]}}", "\"a.shape\" twice"),
        ("{\"a\":{\"dtype\":\"F99\",\"shape\":[2],\"data_offsets\":[0,8]}}", "F99"),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", "8 bytes for tensor \"a\""),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", "overflows"),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", "gap"),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "8 bytes of data"),
        ("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", "no dtype"),
        ("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", "no shape"),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", "no data_offsets"),
        ("{\"__metadata__\":{\"k\":1}}", "1 for the metadata key \"k\""),
        (" {}", "does not start with {"),
        ("{}x", "text after"),
    ])
    func refusalsSayWhatIsWrong(header: String, words: String) {
        let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian, Array.init)
        #expect {
            try SafetensorsFile(bytes: length + Array(header.utf8) + [UInt8](repeating: 0, count: 8))
        } throws: {
            ($0 as? TokenReelError)?.found.contains(words) == true
        }
    }
}
