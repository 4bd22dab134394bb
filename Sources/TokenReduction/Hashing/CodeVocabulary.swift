public import TokenCore

/// Frequent sequences of codes as codes of their own: byte pair encoding of code streams, without loss.
///
/// Sources: learning as in "Retrofitting Language Models with Dynamic Tokenization" (arXiv 2411.18553), whose merges are
/// counted on the data at hand; segmenting as in "Train It and Forget It: Merge Lists are Unnecessary for BPE Inference"
/// (arXiv 2508.06621), which needs the entries only: the longest match at each place, or the fewest entries of all
/// segmentations. Codes 0 ..< base stand for themselves.
/// Cost: O(N M) to learn M merges from N codes, O(N L) to segment with entries of up to L codes.
public struct CodeVocabulary: Sendable {
    /// Number of codes before merging.
    public let base: Int
    /// What entry `base + i` was merged from.
    public let merges: [(left: Int32, right: Int32)]
    /// The codes that each entry stands for.
    public let expansions: [[Int32]]

    private let tree: PrefixTree

    /// Number of entries.
    public var count: Int { expansions.count }

    /// Learns up to `merges` entries: again and again the most frequent pair of neighbours becomes one, of equals the
    /// one of the lower codes, until no pair occurs twice.
    ///
    /// - Precondition: All codes lie in `0 ..< base`.
    public init(learningFrom streams: [[Int32]], base: Int, merges limit: Int) {
        var streams = streams
        var merges: [(left: Int32, right: Int32)] = []
        while merges.count < limit {
            var counts: [Int64: Int] = [:]
            for stream in streams {
                for (left, right) in zip(stream, stream.dropFirst()) {
                    counts[Int64(left) << 32 | Int64(right), default: 0] += 1
                }
            }
            guard let best = counts.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }), best.value >= 2 else { break }
            let pair = (left: Int32(best.key >> 32), right: Int32(truncatingIfNeeded: best.key))
            let code = Int32(base + merges.count)
            merges.append(pair)
            streams = streams.map { Self.merging(pair, into: code, in: $0) }
        }
        self.init(base: base, merges: merges)
    }

    /// Takes merges that were learnt before.
    ///
    /// - Precondition: Each merge is of codes below `base` or of earlier merges.
    public init(base: Int, merges: [(left: Int32, right: Int32)]) {
        var expansions = (0..<Int32(base)).map { [$0] }
        for merge in merges { expansions.append(expansions[Int(merge.left)] + expansions[Int(merge.right)]) }
        self.base = base
        self.merges = merges
        self.expansions = expansions
        tree = PrefixTree(expansions)
    }

    /// The stream as entries, at each place the longest that fits.
    public func longestMatches(in stream: [Int32]) -> [Int32] {
        var entries: [Int32] = []
        var place = 0
        while place < stream.count, let longest = tree.matches(in: stream, at: place).last {
            entries.append(longest)
            place += expansions[Int(longest)].count
        }
        return entries
    }

    /// The stream as the fewest entries that it can be cut into; of equal cuts the one with the longer entry first.
    public func fewestEntries(for stream: [Int32]) -> [Int32] {
        var fewest = [Int](repeating: 0, count: stream.count + 1)
        var choice = [Int32](repeating: 0, count: stream.count)
        for place in stream.indices.reversed() {
            fewest[place] = .max
            for entry in tree.matches(in: stream, at: place).reversed() {
                let rest = fewest[place + expansions[Int(entry)].count]
                if rest < fewest[place] - 1 {
                    fewest[place] = rest + 1
                    choice[place] = entry
                }
            }
        }
        var entries: [Int32] = []
        var place = 0
        while place < stream.count {
            entries.append(choice[place])
            place += expansions[Int(choice[place])].count
        }
        return entries
    }

    /// The codes that entries stand for.
    public func decoded(_ entries: [Int32]) -> [Int32] { entries.flatMap { expansions[Int($0)] } }

    /// `[count, channels]`: for each entry the mean of its codes' vectors, each counted as often as it occurs.
    public func vectors(from codebook: TensorBuffer<Float>, channels: Int) -> TensorBuffer<Float> {
        ReductionPlan(
            sourceCount: base,
            rows: expansions.map { codes in
                let counts = codes.reduce(into: [Int: Int]()) { $0[Int($1), default: 0] += 1 }
                let sources = counts.keys.sorted()
                return .init(
                    anchor: sources[0], sources: sources,
                    weights: sources.map { Float(counts[$0] ?? 0) / Float(codes.count) })
            }
        ).applied(to: codebook, channels: channels)
    }

    private static func merging(
        _ pair: (left: Int32, right: Int32), into code: Int32, in stream: [Int32]
    ) -> [Int32] {
        var merged: [Int32] = []
        var place = 0
        while place < stream.count {
            if place + 1 < stream.count, stream[place] == pair.left, stream[place + 1] == pair.right {
                merged.append(code)
                place += 2
            } else {
                merged.append(stream[place])
                place += 1
            }
        }
        return merged
    }
}

/// Finds all entries that start at a place in one walk.
private struct PrefixTree: Sendable {
    private var children: [Int64: Int32] = [:]
    private var entries: [Int32?] = [nil]

    /// Of entries with the same codes the first counts.
    init(_ expansions: [[Int32]]) {
        for (entry, codes) in expansions.enumerated() {
            var node = 0
            for code in codes {
                let key = Int64(node) << 32 | Int64(code)
                if children[key] == nil {
                    children[key] = Int32(entries.count)
                    entries.append(nil)
                }
                node = Int(children[key] ?? 0)
            }
            entries[node] = entries[node] ?? Int32(entry)
        }
    }

    /// Entries from the shortest to the longest.
    func matches(in stream: [Int32], at place: Int) -> [Int32] {
        var found: [Int32] = []
        var node = 0
        for code in stream[place...] {
            guard let next = children[Int64(node) << 32 | Int64(code)] else { break }
            node = Int(next)
            if let entry = entries[node] { found.append(entry) }
        }
        return found
    }
}
