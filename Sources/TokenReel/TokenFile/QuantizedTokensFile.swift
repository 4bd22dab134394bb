internal import Safetensors
internal import TokenCore
internal import TokenReduction

// Tokens in few bits: tensors `quantized.*` in place of `tokens`, the scheme in the metadata key `quantization`, and
// the width of a token in `channels`. Packed codes are U8 [bytes], the first code in the lowest bits.

extension QuantizedTokens {
    private static let prefix = "quantized."

    /// Numbers of tokens that a file may stand for: a few kilobytes could otherwise ask for any amount of memory.
    private static let largest = 1 << 30

    func write(to file: inout SafetensorsWriter) {
        for (name, part) in parts {
            switch part {
            case .bits(let bytes): file.add(Self.prefix + name, shape: [bytes.count], bytes)
            case .singles(let numbers, let shape): file.add(Self.prefix + name, shape: shape, numbers)
            case .halves(let numbers, let shape):
                file.add(Self.prefix + name, shape: shape, floats: TensorBuffer(numbers), as: .f16)
            }
        }
    }

    /// Reads what a file holds; nil if its tokens are not quantised.
    init?(_ parts: TensorParts) throws(TokenReelError) {
        guard let text = parts.file.metadata["quantization"], parts.file.tensors["tokens"] == nil else { return nil }
        let quantization: TokenQuantization
        do { quantization = try TokenQuantization(text) } catch {
            throw TokenReelError(
                .unsupportedInput, subject: parts.name, found: "\(error.subject): \(error.found)",
                allowed: error.allowed)
        }
        let count = try parts.sizes("positions", ["N", "3"])[0]
        guard let channels = parts.file.metadata["channels"].flatMap(Int.init), channels > 0 else {
            throw TokenReelError(
                .unreadableInput, subject: parts.name, found: "quantised tokens of unknown width",
                allowed: "a whole number \"channels\" in the metadata")
        }
        guard count <= Self.largest / channels else {
            throw TokenReelError(
                .limitExceeded, subject: parts.name, found: "\(count) quantised tokens of \(channels) numbers",
                allowed: "\(Self.largest) numbers")
        }
        var stored: [String: QuantizedPart] = [:]
        for (name, entry) in parts.file.tensors where name.hasPrefix(Self.prefix) {
            let key = String(name.dropFirst(Self.prefix.count))
            switch entry.dtype {
            case .u8: stored[key] = .bits(try parts.file.bytes(name))
            case .f16: stored[key] = .halves(try parts.file.floats(name).array, shape: entry.shape)
            default: stored[key] = .singles(try parts.file.floats(name).array, shape: entry.shape)
            }
        }
        self.init(quantization: quantization, count: count, channels: channels, parts: stored)
    }
}
