internal import TensorOps
public import TokenCore

/// Several codes for each source token, whose entries add up to the token.
public struct CodeLevels: Sendable {
    /// Entries of each level, coarse to fine.
    public let sizes: [Int]
    /// `[levels, T * H * W]`: the entry of each token in each level's codebook.
    public let codes: [Int32]
    /// `[sum of sizes, channels]`: the codebooks one after the other.
    public let codebook: TensorBuffer<Float>

    /// How many codes each level has to send: one for each token, or for each block where tokens share it.
    public let cells: [Int]

    /// Puts levels together.
    ///
    /// - Precondition: Codes are whole levels, each below its level's size.
    package init(sizes: [Int], codes: [Int32], codebook: TensorBuffer<Float>, cells: [Int]? = nil) {
        self.sizes = sizes
        self.codes = codes
        self.cells = cells ?? sizes.map { _ in codes.count / sizes.count }
        self.codebook = codebook
    }

    /// Number of levels.
    public var count: Int { sizes.count }
    /// Tokens that are coded.
    public var tokenCount: Int { sizes.isEmpty ? 0 : codes.count / sizes.count }

    /// `[T * H * W]`: the codes of one level.
    public func codes(of level: Int) -> ArraySlice<Int32> { codes[level * tokenCount..<(level + 1) * tokenCount] }

    /// `[rows, channels]`: what the codes of some tokens stand for, from the first `levels` levels.
    public func reconstruction(of tokens: Range<Int>, levels: Int? = nil, channels: Int) -> TensorBuffer<Float> {
        codebook.withUnsafeBufferPointer { codebook in
            TensorBuffer(count: tokens.count * channels) { output in
                output.initialize(repeating: 0)
                var first = 0
                for level in 0..<(levels ?? count) {
                    for (row, token) in tokens.enumerated() {
                        let entry = first + Int(codes[level * tokenCount + token])
                        Rows.add(
                            UnsafeBufferPointer(rebasing: codebook[entry * channels..<(entry + 1) * channels]),
                            scale: 1,
                            to: UnsafeMutableBufferPointer(rebasing: output[row * channels..<(row + 1) * channels]))
                    }
                    first += sizes[level]
                }
            }
        }
    }

    /// For each token a number for its word, the codes of the first `levels` levels together, by first appearance.
    func words(ofFirst levels: Int) -> (labels: [Int32], count: Int) {
        Self.words((0..<levels).map { codes(of: $0) })
    }

    static func words(_ levels: [ArraySlice<Int32>]) -> (labels: [Int32], count: Int) {
        var labels = [Int32](repeating: 0, count: levels.first?.count ?? 0)
        var count = 1
        // Level by level, so that a pair of numbers is all there is to look up.
        for level in levels {
            var known: [Int64: Int32] = [:]
            for (token, code) in level.enumerated() {
                let pair = Int64(labels[token]) << 32 | Int64(code)
                let label = known[pair] ?? Int32(known.count)
                known[pair] = label
                labels[token] = label
            }
            count = known.count
        }
        return (labels, count)
    }
}
