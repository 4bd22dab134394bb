import Foundation
import Safetensors
import TestSupport
import Testing
import TokenCore
import TokenReduction
import TokenReel

/// Tokens in few bits, tokens in prefix order, and several codes a token, through a file and back.
@Suite struct StoredTokensTests {
    private static let schemes = ["tokenbridge:4", "zipcache", "mergequant", "vidkv", "vidkv:form=values", "xkv:3"]

    private func sequence(
        method: String = "tokenreel", order: TokenOrder = .reading
    ) throws -> TokenSequence {
        let grid = try SmallSequence.grid()
        var request = ReductionRequest(budget: .tokens(20))
        request.order = order
        return TokenSequence(try RecipeRegistry.recipe(named: method).reduce(grid, request), of: grid)
    }

    private func quantized(_ scheme: String) throws -> TokenSequence {
        let sequence = try sequence()
        return try sequence.quantized(by: TokenQuantization(scheme), importance: sequence.plan.sizes)
    }

    @Test(arguments: schemes)
    func quantisedTokensComeBackExactly(_ scheme: String) throws {
        let scratch = try ScratchFolder()
        let sequence = try quantized(scheme)
        try sequence.write(to: scratch.path("a"))
        let file = try TokenSequenceFile(path: scratch.path("a"))
        #expect(file.sequence.tokens.array == sequence.tokens.array)
        #expect(file.sequence.quantized?.parts == sequence.quantized?.parts)
        #expect(file.sequence.quantized?.quantization.description == (try TokenQuantization(scheme).description))
        #expect(file.sequence.plan == sequence.plan)
        #expect(try SafetensorsFile(path: scratch.path("a")).tensors["tokens"] == nil)
        // Reading and writing again changes nothing.
        try file.sequence.write(to: scratch.path("b"), metadata: file.metadata)
        #expect(try scratch.bytes("a") == scratch.bytes("b"))
    }

    @Test(arguments: schemes)
    func damagedQuantisedTokensAreTypedErrors(_ scheme: String) throws {
        let scratch = try ScratchFolder()
        try quantized(scheme).write(to: scratch.path("good"))
        let good = try SafetensorsFile(path: scratch.path("good"))
        func rewrite(without victim: String?, _ metadata: [String: String]) throws {
            var writer = SafetensorsWriter(metadata: metadata)
            for (name, entry) in good.tensors where name != victim {
                switch entry.dtype {
                case .u8: writer.add(name, shape: entry.shape, try good.integers(name).map { UInt8($0) })
                case .f16: writer.add(name, shape: entry.shape, floats: try good.floats(name), as: .f16)
                case .f32: writer.add(name, shape: entry.shape, try good.floats(name).array)
                case .f64: writer.add(name, shape: entry.shape, try good.doubles(name))
                case .i64: writer.add(name, shape: entry.shape, try good.integers(name).map { Int64($0) })
                default: writer.add(name, shape: entry.shape, try good.integers(name).map { Int32($0) })
                }
            }
            try writer.write(to: scratch.path("bad"))
        }
        func expectRefused(_ code: TokenReelError.Code? = nil, _ comment: Comment) {
            let error = #expect(throws: TokenReelError.self, comment) {
                try TokenSequenceFile(path: scratch.path("bad"))
            }
            if let code { #expect(error?.code == code, comment) }
        }
        try rewrite(without: nil, good.metadata)
        _ = try TokenSequenceFile(path: scratch.path("bad"))
        for victim in good.tensors.keys where victim.hasPrefix("quantized.") {
            try rewrite(without: victim, good.metadata)
            expectRefused(.unreadableInput, "\(victim)")
        }
        for (key, value, code) in [
            ("quantization", "other:3", TokenReelError.Code.unsupportedInput), ("channels", "7", .unreadableInput),
            ("channels", "many", .unreadableInput), ("channels", "99999999999", .limitExceeded),
        ] {
            try rewrite(without: nil, good.metadata.merging([key: value]) { $1 })
            expectRefused(code, "\(key) \(value)")
        }
        try rewrite(without: nil, good.metadata.filter { $0.key != "quantization" })
        expectRefused(nil, "no scheme")
    }

    @Test func tokensInPrefixOrderSaySo() throws {
        let scratch = try ScratchFolder()
        let (reading, ranked) = (try sequence(), try sequence(order: .prefix))
        #expect(ranked.isRanked && !reading.isRanked)
        #expect(ranked.plan.anchors != reading.plan.anchors)
        #expect(ranked.plan.inReadingOrder() == reading.plan)
        try ranked.write(to: scratch.path("a"), dtype: .f32)
        let read = try TokenSequenceFile(path: scratch.path("a")).sequence
        #expect(read.isRanked && read.plan == ranked.plan && read.tokens.array == ranked.tokens.array)
        #expect(try SafetensorsFile(path: scratch.path("a")).integers("rank") == Array(0..<20))
    }

    @Test(arguments: ["residual-vq", "fsq", "hitvideo", "wavtokenizer"])
    func everyLevelOfCodesComesBack(_ method: String) throws {
        let scratch = try ScratchFolder()
        let sequence = try sequence(method: method)
        let levels = try #require(sequence.levels)
        try sequence.write(to: scratch.path("a"), dtype: .f32)
        let read = try TokenSequenceFile(path: scratch.path("a")).sequence
        #expect(read.levels?.codes == levels.codes && read.levels?.sizes == levels.sizes)
        #expect(read.levels?.cells == levels.cells && read.levels?.codebook.array == levels.codebook.array)
        #expect(read.codes == sequence.codes)
        // One codebook too few rows: some code points past the end.
        var writer = SafetensorsWriter(metadata: ["format": "tokenreel/1"])
        let good = try SafetensorsFile(path: scratch.path("a"))
        for (name, entry) in good.tensors {
            switch entry.dtype {
            case .f32: writer.add(name, shape: entry.shape, try good.floats(name).array)
            case .f64: writer.add(name, shape: entry.shape, try good.doubles(name))
            case .i64: writer.add(name, shape: entry.shape, try good.integers(name).map { Int64($0) })
            default:
                let change = name == "levels.codes" ? 30_000 : 0
                writer.add(name, shape: entry.shape, try good.integers(name).map { Int32($0 + change) })
            }
        }
        try writer.write(to: scratch.path("bad"))
        #expect(throws: TokenReelError.self) { try TokenSequenceFile(path: scratch.path("bad")) }
    }

    @Test func aPipelineReportsWhatStoringCost() throws {
        let clip = SharedFiles.package.appending(path: "Samples/clip.mp4").path
        let input = try OpenInput(.file(clip))
        var pipeline = try Pipeline()
        pipeline.request.budget = .tokens(100)
        let exact = try pipeline.reduce(input)
        #expect(exact.report.quantization == nil && exact.report.hash?.levels == 1)
        pipeline.quantization = try TokenQuantization("tokenbridge:8")
        pipeline.request.order = .prefix
        let stored = try pipeline.reduce(input)
        let figures = try #require(stored.report.quantization)
        #expect(figures.bitsPerValue > 8 && figures.bitsPerValue < 9.5 && figures.cosine > 0.999)
        #expect(figures.meanSquaredError > 0 && stored.sequence.tokens.array != exact.sequence.tokens.array)
        let coverage = try #require(stored.report.prefixCoverage)
        #expect(coverage.count == 100 && zip(coverage, coverage.dropFirst()).allSatisfy { $0 <= $1 })
        let scratch = try ScratchFolder()
        try stored.sequence.write(to: scratch.path("a"), metadata: stored.metadata)
        let file = try TokenSequenceFile(path: scratch.path("a"))
        #expect(try pipeline.wouldReproduce(file, from: input, as: .f16))
        pipeline.quantization = nil
        #expect(try !pipeline.wouldReproduce(file, from: input, as: .f16))
        #expect(try !pipeline.wouldReproduce(file, from: input, as: .f32))
        pipeline.quantization = try TokenQuantization("tokenbridge:8")
        pipeline.request.order = .reading
        #expect(try !pipeline.wouldReproduce(file, from: input, as: .f16))
    }

    @Test func queriesInPartsAreComposed() throws {
        let scratch = try ScratchFolder()
        var writer = SafetensorsWriter()
        writer.add("query", shape: [3, 2], [Float(4), 0, 0, 0, 0, 2])
        writer.add("query_words", shape: [3], [Int32(0), 0, 1])
        writer.add("query_phrases", shape: [2], [Int32(0), 0])
        try writer.write(to: scratch.path("q"))
        let query = try Query(path: scratch.path("q"))
        let half = Float(0.5).squareRoot()
        #expect(query.count == 1)
        #expect(query.vectors.allSatisfy { abs($0 - half) < 1e-6 })
    }
}
