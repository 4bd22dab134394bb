public import TokenCore

/// A way to store output tokens in fewer bits than a half-precision number each.
public protocol TokenQuantizer: Sendable {
    /// What the scheme is and what can be set.
    static var descriptor: QuantizerDescriptor { get }

    /// Makes the scheme with the values of its parameters.
    init(_ values: ParameterValues)

    /// The tensors to store.
    func parts(of tokens: TokenMatrix) -> [String: QuantizedPart]

    /// The tokens `[count, channels]` that stored tensors stand for.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` for tensors that this scheme does not write.
    func values(of stored: StoredParts) throws(TokenReelError) -> TensorBuffer<Float>
}

/// What the registry, the command's help and its JSON tell about one way to quantise.
public struct QuantizerDescriptor: Sendable {
    /// The name used with `--quantize`.
    public let name: String
    /// One sentence on what is stored.
    public let summary: String
    /// Paper the computation follows.
    public let source: String
    /// What can be set; the first can be written after a colon without its name.
    public let parameters: [Parameter]
    /// Arithmetic cost for N tokens of D channels.
    public let cost: String
    /// Rows of the project's list of published systems.
    public let rows: [Int]
    /// The licence of the reference implementation; nil where there is none.
    public let licence: String?
}

/// The tokens to quantise, with how much each matters.
public struct TokenMatrix: Sendable {
    /// `[count, channels]`, row-major, finite.
    public let values: TensorBuffer<Float>
    /// Numbers of one token.
    public let channels: Int
    /// `[count]`: what is spent on bits goes to the largest first.
    public let importance: [Float]
    /// Threads to use; never changes a result.
    public let workers: Int

    /// Puts a matrix together.
    ///
    /// - Precondition: One importance for each row.
    public init(values: TensorBuffer<Float>, channels: Int, importance: [Float], workers: Int = 1) {
        precondition(values.count == importance.count * channels, "one importance is needed for each token")
        self.values = values
        self.channels = channels
        self.importance = importance
        self.workers = workers
    }

    /// Rows.
    public var count: Int { importance.count }

    /// The largest magnitude of each channel.
    var channelPeaks: [Float] {
        var peaks = [Float](repeating: 0, count: channels)
        values.withUnsafeBufferPointer { values in
            for index in values.indices {
                peaks[index % channels] = max(peaks[index % channels], abs(values[index]))
            }
        }
        return peaks
    }

    /// Whether each token is among the share of largest importance, of equals the first.
    func isSalient(share: Double) -> [Bool] {
        var salient = [Bool](repeating: false, count: count)
        for row in Ranking.largest(Int((share * Double(count)).rounded()), of: importance) { salient[row] = true }
        return salient
    }
}

/// One tensor of quantised tokens.
public enum QuantizedPart: Sendable, Equatable {
    /// Codes packed without gaps, the first in the lowest bits.
    case bits([UInt8])
    /// Numbers of the given shape, in single precision.
    case singles([Float], shape: [Int])
    /// Numbers of the given shape that half precision holds exactly.
    case halves([Float], shape: [Int])

    /// Numbers rounded to half precision, to be stored so.
    static func rounded(_ numbers: [Float], shape: [Int]) -> QuantizedPart {
        .halves(numbers.map { Float(Float16($0)) }, shape: shape)
    }

    /// Bytes it takes in a file.
    public var byteCount: Int {
        switch self {
        case .bits(let bytes): bytes.count
        case .singles(let numbers, _): 4 * numbers.count
        case .halves(let numbers, _): 2 * numbers.count
        }
    }
}

/// Tensors that may come from a damaged file, with checks that end in typed errors.
public struct StoredParts: Sendable {
    /// Tokens they stand for.
    public let count: Int
    /// Numbers of one token.
    public let channels: Int
    let parts: [String: QuantizedPart]

    func invalid(_ found: String) -> TokenReelError {
        TokenReelError(.unreadableInput, subject: "quantised tokens", found: found)
    }

    /// Packed codes, exactly as many bytes as `bits` need.
    func bits(_ name: String, count bits: Int) throws(TokenReelError) -> BitReader {
        guard case .bits(let bytes) = parts[name], bytes.count == (bits + 7) / 8 else {
            throw invalid("no \(bits) bits of \(name)")
        }
        return BitReader(bytes)
    }

    /// Flags, one bit each.
    func flags(_ name: String, count: Int) throws(TokenReelError) -> [Bool] {
        var reader = try bits(name, count: count)
        return (0..<count).map { _ in reader.next(1) == 1 }
    }

    /// Finite numbers of a stated shape.
    func numbers(_ name: String, _ shape: [Int]) throws(TokenReelError) -> [Float] {
        switch parts[name] {
        case .singles(let numbers, shape), .halves(let numbers, shape):
            guard numbers.allSatisfy(\.isFinite) else { throw invalid("\(name) that are not finite") }
            return numbers
        default: throw invalid("no \(name) of shape \(shape)")
        }
    }
}
