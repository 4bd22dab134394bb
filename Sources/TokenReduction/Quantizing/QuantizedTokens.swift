internal import TensorOps
public import TokenCore

/// A choice of scheme and parameters, as written after `--quantize`.
public struct TokenQuantization: Sendable, CustomStringConvertible {
    /// The scheme.
    public let descriptor: QuantizerDescriptor
    private let values: [String: Double]
    private let quantizer: any TokenQuantizer

    /// All schemes there are.
    public static let quantizers: [any TokenQuantizer.Type] = [
        GaussianQuantizer.self, ChannelScaleQuantizer.self, TokenwiseQuantizer.self, MixedBitQuantizer.self,
        LowRankQuantizer.self,
    ]

    /// Reads `name`, `name:value` for the first parameter, or `name:value,parameter=value`.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for an unknown name or parameter, or a value out of range.
    public init(_ text: String) throws(TokenReelError) {
        let name = text.prefix { $0 != ":" }
        guard let type = Self.quantizers.first(where: { $0.descriptor.name == name }) else {
            throw TokenReelError(
                .invalidArgument, subject: "quantisation", found: "\"\(name)\"",
                allowed: Self.quantizers.map { $0.descriptor.name }.joined(separator: ", "))
        }
        let descriptor = type.descriptor
        let values = try descriptor.values(from: text.dropFirst(name.count + 1))
        self.init(descriptor: descriptor, values: values, quantizer: type.init(ParameterValues(values)))
    }

    private init(descriptor: QuantizerDescriptor, values: [String: Double], quantizer: any TokenQuantizer) {
        self.descriptor = descriptor
        self.values = values
        self.quantizer = quantizer
    }

    /// The name and the value of every parameter, in a form that ``init(_:)`` reads.
    public var description: String {
        let settings = descriptor.parameters.map { parameter in
            let value = values[parameter.name] ?? parameter.defaultValue
            let text = parameter.choice(value) ?? (parameter.isWhole ? "\(Int(value))" : "\(value)")
            return "\(parameter.name)=\(text)"
        }
        return "\(descriptor.name):\(settings.joined(separator: ","))"
    }

    /// Quantises tokens.
    public func quantize(_ tokens: TokenMatrix) -> QuantizedTokens {
        QuantizedTokens(
            quantization: self, count: tokens.count, channels: tokens.channels, parts: quantizer.parts(of: tokens))
    }

    fileprivate func values(of stored: StoredParts) throws(TokenReelError) -> TensorBuffer<Float> {
        try quantizer.values(of: stored)
    }
}

extension QuantizerDescriptor {
    /// All values, with those that `value,parameter=value` sets.
    fileprivate func values(from settings: Substring) throws(TokenReelError) -> [String: Double] {
        var values = Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.defaultValue) })
        for setting in settings.split(separator: ",") {
            let sides = setting.split(separator: "=", maxSplits: 1).map(String.init)
            let named = sides.count == 2 ? sides.first : parameters.first?.name
            guard let parameter = parameters.first(where: { $0.name == named }), let value = sides.last else {
                throw TokenReelError(
                    .invalidArgument, subject: "quantisation \(name)", found: "\"\(setting)\"",
                    allowed: parameters.map(\.name).joined(separator: ", "))
            }
            do {
                values[parameter.name] = try parameter.parse(value)
            } catch {
                throw TokenReelError(
                    error.code, subject: "quantisation \(name), \(parameter.name)", found: error.found,
                    allowed: error.allowed)
            }
        }
        return values
    }
}

/// Tokens in few bits.
public struct QuantizedTokens: Sendable {
    /// How they were quantised.
    public let quantization: TokenQuantization
    /// Tokens.
    public let count: Int
    /// Numbers of one token.
    public let channels: Int
    /// What is stored, by name.
    public let parts: [String: QuantizedPart]

    /// Puts together what was stored.
    public init(quantization: TokenQuantization, count: Int, channels: Int, parts: [String: QuantizedPart]) {
        self.quantization = quantization
        self.count = count
        self.channels = channels
        self.parts = parts
    }

    /// Bits for each number of the tokens, everything that is stored included.
    public var bitsPerValue: Double {
        count == 0 ? 0 : 8 * Double(parts.values.reduce(0) { $0 + $1.byteCount }) / (Double(count) * Double(channels))
    }

    /// The tokens `[count, channels]` that the codes stand for.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` for parts that the scheme does not write.
    public func values() throws(TokenReelError) -> TensorBuffer<Float> {
        let values = try quantization.values(of: StoredParts(count: count, channels: channels, parts: parts))
        guard values.withUnsafeBufferPointer({ $0.allSatisfy(\.isFinite) }) else {
            throw TokenReelError(
                .unreadableInput, subject: "quantised tokens", found: "codes that stand for infinite numbers")
        }
        return values
    }
}

/// What quantising changed.
public struct QuantizationFigures: Sendable, Equatable {
    /// The scheme and its parameters.
    public let scheme: String
    /// Bits for each number, everything that is stored included.
    public let bitsPerValue: Double
    /// Mean squared difference of the numbers.
    public let meanSquaredError: Double
    /// The same as a share of the mean squared number.
    public let relativeError: Double
    /// Mean cosine of the tokens before and after.
    public let cosine: Double

    /// Compares tokens `[count, channels]` before and after.
    public init(_ quantized: QuantizedTokens, before: TensorBuffer<Float>, after: TensorBuffer<Float>) {
        var (squares, errors, cosines) = (0.0, 0.0, 0.0)
        for row in 0..<quantized.count {
            let tokens = row..<row + 1
            before.withRows(tokens, channels: quantized.channels) { before in
                after.withRows(tokens, channels: quantized.channels) { after in
                    var (dot, left, right) = (0.0, 0.0, 0.0)
                    for (a, b) in zip(before, after) {
                        let (a, b) = (Double(a), Double(b))
                        dot += a * b
                        left += a * a
                        right += b * b
                        errors += (a - b) * (a - b)
                    }
                    squares += left
                    // A token of zeros is kept if it stays one.
                    cosines += left * right > 0 ? dot / (left * right).squareRoot() : (left == right ? 1 : 0)
                }
            }
        }
        let numbers = Double(max(before.count, 1))
        scheme = quantized.quantization.description
        bitsPerValue = quantized.bitsPerValue
        meanSquaredError = errors / numbers
        relativeError = squares > 0 ? errors / squares : 0
        cosine = quantized.count == 0 ? 1 : cosines / Double(quantized.count)
    }
}
