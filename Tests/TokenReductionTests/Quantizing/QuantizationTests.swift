import Foundation
import Testing
import TokenCore
import TokenReduction

@Suite struct QuantizationTests {
    static let schemes = TokenQuantization.quantizers.map { $0.descriptor.name }

    private func matrix(_ count: Int, _ channels: Int, seed: UInt64) -> TokenMatrix {
        var random = RandomNumbers(seed: seed)
        let values = (0..<count * channels).map { random.signed() * ($0 % channels == 1 ? 40 : 1) + 3 }
        return TokenMatrix(
            values: TensorBuffer(values), channels: channels, importance: (0..<count).map { _ in random.unit() })
    }

    /// Numbers of a normal distribution, by the method of Box and Muller.
    private func normal(_ count: Int, seed: UInt64) -> [Float] {
        var random = SplitMix64(state: seed)
        return (0..<count).map { _ in
            let radius = (-2 * log(1 - random.unit())).squareRoot()
            return Float(radius * cos(2 * Double.pi * random.unit()))
        }
    }

    @Test(arguments: [
        "tokenbridge:4,range=5", "tokenbridge:2,range=3", "zipcache", "zipcache:8,low=3,salient=0.25", "mergequant",
        "mergequant:3,outlier=2", "vidkv", "vidkv:1.2,group=16", "vidkv:form=values", "xkv:5",
    ])
    func agreesWithTheFormula(_ scheme: String) throws {
        let fixture = try Fixture("oracle-quantisation/tokens")
        let tokens = TokenMatrix(
            values: TensorBuffer(fixture.floats("tokens")), channels: fixture.shape("tokens")[1],
            importance: fixture.floats("importance"))
        let quantized = try TokenQuantization(scheme).quantize(tokens)
        let expected = fixture.floats(scheme)
        let values = try quantized.values().array
        // Half-precision scales and a basis in half precision move numbers, but never to another code.
        let isRounded = scheme.hasPrefix("vidkv") || scheme.hasPrefix("xkv")
        let largest = expected.reduce(0) { max($0, abs($1)) }
        let worst = zip(values, expected).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
        #expect(
            values.count == expected.count && worst <= (isRounded ? 2e-3 : 1e-5) * largest, "\(worst) of \(largest)")
    }

    @Test(arguments: [1, 3, 6])
    func gaussianLevelsAreThoseOfTheFormula(bits: Int) throws {
        expectClose(
            GaussianQuantizer.levels(bits: bits), try Fixture("oracle-quantisation/tokens").floats("levels.\(bits)"))
    }

    /// The mean squared errors on N(0, 1) that follow from the levels.
    @Test(arguments: [
        (2, 3, 0.1322), (4, 3, 0.0213), (6, 3, 0.00406), (8, 3, 0.00100), (2, 5, 0.1580), (4, 5, 0.0103),
        (6, 5, 0.00066), (8, 5, 0.000041),
    ])
    func errorOnNormalNumbersIsTheKnownOne(bits: Int, range: Int, expected: Double) throws {
        let numbers = normal(200_000, seed: 1)
        let tokens = TokenMatrix(
            values: TensorBuffer(numbers), channels: 1, importance: [Float](repeating: 0, count: numbers.count))
        let quantized = try TokenQuantization("tokenbridge:\(bits),range=\(range)").quantize(tokens)
        let figures = QuantizationFigures(quantized, before: tokens.values, after: try quantized.values())
        #expect(abs(figures.meanSquaredError / expected - 1) < 0.05, "\(figures.meanSquaredError)")
        #expect(abs(figures.bitsPerValue - Double(bits)) < 0.001)
    }

    @Test(arguments: schemes)
    func anyShapeComesBackAndIsSmaller(_ scheme: String) throws {
        for (count, channels) in [(0, 3), (1, 1), (1, 40), (2, 5), (33, 7), (64, 96)] {
            let tokens = matrix(count, channels, seed: UInt64(count))
            let quantized = try TokenQuantization(scheme).quantize(tokens)
            let values = try quantized.values()
            #expect(values.count == count * channels)
            let figures = QuantizationFigures(quantized, before: tokens.values, after: values)
            #expect(figures.relativeError <= 1 && figures.cosine <= 1 + 1e-9)
            if count == 64 {
                #expect(figures.cosine > 0.8, "\(figures)")
                #expect(figures.bitsPerValue < 16 || scheme == "xkv", "\(figures)")
            }
            let again = TokenMatrix(
                values: tokens.values, channels: channels, importance: tokens.importance, workers: 3)
            #expect(try TokenQuantization(scheme).quantize(again).parts == quantized.parts)
        }
    }

    @Test(arguments: schemes)
    func equalAndZeroTokensComeBack(_ scheme: String) throws {
        for value in [Float(0), 1, -2.5] {
            let tokens = TokenMatrix(
                values: TensorBuffer([Float](repeating: value, count: 40 * 6)), channels: 6,
                importance: [Float](repeating: 1, count: 40))
            let values = try TokenQuantization(scheme).quantize(tokens).values().array
            #expect(values.allSatisfy { abs($0 - value) <= 1e-3 * abs(value) }, "\(scheme) \(values[0])")
        }
    }

    @Test func moreBitsErrLess() throws {
        let tokens = matrix(200, 32, seed: 4)
        func error(_ scheme: String) throws -> Double {
            let quantized = try TokenQuantization(scheme).quantize(tokens)
            return QuantizationFigures(quantized, before: tokens.values, after: try quantized.values()).meanSquaredError
        }
        for (few, many) in [
            ("tokenbridge:4", "tokenbridge:6"), ("mergequant:3", "mergequant:6"), ("zipcache:4", "zipcache:6"),
            ("zipcache:4,salient=0.2", "zipcache:4,salient=0.9"), ("vidkv:1.1", "vidkv:1.9"), ("xkv:2", "xkv:12"),
        ] {
            #expect(try error(many) < error(few), "\(few) \(many)")
        }
    }

    @Test(arguments: schemes)
    func missingOrOddlyShapedPartsAreTypedErrors(_ scheme: String) throws {
        let quantized = try TokenQuantization(scheme).quantize(matrix(20, 8, seed: 2))
        for victim in quantized.parts.keys {
            for replacement in [nil, QuantizedPart.bits([]), .singles([1], shape: [1, 1])] {
                var parts = quantized.parts
                parts[victim] = replacement
                let damaged = QuantizedTokens(
                    quantization: quantized.quantization, count: 20, channels: 8, parts: parts)
                #expect(throws: TokenReelError.self, "\(victim)") { try damaged.values() }
            }
        }
    }

    @Test func choicesAreReadAndWritten() throws {
        #expect(try TokenQuantization("tokenbridge").description == "tokenbridge:bits=6,range=5.0")
        #expect(try TokenQuantization("tokenbridge:4").description == "tokenbridge:bits=4,range=5.0")
        let text = try TokenQuantization("vidkv:form=values,group=8").description
        #expect(text == "vidkv:bits=1.5,form=values,group=8,salient=0.2")
        #expect(try TokenQuantization(text).description == text)
        for wrong in ["", "none", "tokenbridge:9", "tokenbridge:x=1", "tokenbridge:bits=", "vidkv:form=other", "xkv:0"]
        {
            #expect(throws: TokenReelError.self, "\(wrong)") { try TokenQuantization(wrong) }
        }
    }
}
