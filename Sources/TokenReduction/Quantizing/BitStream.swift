/// Appends codes of any width up to 32 bits, the first in the lowest bits of the first byte.
struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var pending: UInt64 = 0
    private var width = 0

    mutating func append(_ code: Int, bits: Int) {
        pending |= UInt64(code) << UInt64(width)
        width += bits
        while width >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: pending))
            pending >>= 8
            width -= 8
        }
    }

    var bitCount: Int { 8 * bytes.count + width }

    /// All codes so far; the last byte is filled up with zeros.
    var finished: [UInt8] { width > 0 ? bytes + [UInt8(truncatingIfNeeded: pending)] : bytes }

    static func packing(_ flags: [Bool]) -> [UInt8] {
        var writer = BitWriter()
        for flag in flags { writer.append(flag ? 1 : 0, bits: 1) }
        return writer.finished
    }
}

/// Reads what ``BitWriter`` wrote; past the end come zeros.
struct BitReader {
    private let bytes: [UInt8]
    private var place = 0
    private var pending: UInt64 = 0
    private var width = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next(_ bits: Int) -> Int {
        while width < bits {
            if place < bytes.count { pending |= UInt64(bytes[place]) << UInt64(width) }
            place += 1
            width += 8
        }
        let code = pending & (1 << UInt64(bits) - 1)
        pending >>= UInt64(bits)
        width -= bits
        return Int(code)
    }
}
