/// Byte strings with a value each, to be found as prefixes of a text.
///
/// Edges lie in one hash table, so that neither size nor depth of hostile vocabularies costs more than their bytes.
struct PrefixTree: Sendable {
    /// Bytes of the longest string that readers of files should accept, since looking one up at every place of a text
    /// takes as many steps.
    static let longest = 1024

    private var edges: [UInt64: Int32] = [:]
    /// The value of each node; -1 where none ends.
    private var values: [Int32] = [-1]

    /// Stores a value of 0 or more; a later value for equal bytes replaces the earlier.
    mutating func insert(_ bytes: some Sequence<UInt8>, value: Int32) {
        var node: Int32 = 0
        for byte in bytes {
            let edge = Self.edge(node, byte)
            if let next = edges[edge] {
                node = next
            } else {
                let next = Int32(values.count)
                values.append(-1)
                edges[edge] = next
                node = next
            }
        }
        values[Int(node)] = value
    }

    private static func edge(_ node: Int32, _ byte: UInt8) -> UInt64 {
        UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte)
    }

    /// Calls `found` with the length and value of every stored string that `bytes` begin with, shortest first.
    func forEachPrefix(of bytes: some Sequence<UInt8>, _ found: (_ count: Int, _ value: Int32) -> Void) {
        var node: Int32 = 0
        var count = 0
        for byte in bytes {
            guard let next = edges[Self.edge(node, byte)] else { return }
            node = next
            count += 1
            if values[Int(node)] >= 0 { found(count, values[Int(node)]) }
        }
    }

    /// The longest stored string that `bytes` begin with.
    func longestPrefix(of bytes: some Sequence<UInt8>) -> (count: Int, value: Int32)? {
        var longest: (Int, Int32)?
        forEachPrefix(of: bytes) { longest = ($0, $1) }
        return longest
    }
}
