internal import Synchronization
internal import TokenCore

/// Tells checkpoints apart by what was read from them: tensor names, and numbers spread over each tensor.
///
/// Not a digest of the weights, which would take seconds to compute: training changes nearly every weight, so a sample
/// shows it. FNV-1a of 64 bits for each tensor, summed, so that the order of reading does not matter.
final class Fingerprint: Sendable {
    private let sum = Mutex<UInt64>(0)
    private static let samples = 64

    /// Takes in one tensor.
    func add(_ name: String, _ values: TensorBuffer<Float>) {
        var hash = Self.hash(Array(name.utf8))
        let step = max(values.count / Self.samples, 1)
        for index in stride(from: 0, to: values.count, by: step) {
            hash = (hash ^ UInt64(values[index].bitPattern)) &* 0x100_0000_01B3
        }
        sum.withLock { [hash] in $0 &+= hash }
    }

    /// Takes in a text, such as settings.
    func add(_ text: String) {
        let hash = Self.hash(Array(text.utf8))
        sum.withLock { $0 &+= hash }
    }

    /// What was taken in so far, as 16 hexadecimal digits.
    var text: String {
        let digits = String(sum.withLock { $0 }, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
