internal import TokenCore

/// Byte-pair encoding: the pair of neighbours that was learnt first is joined first, at the leftmost place, until no
/// learnt pair is left.
///
/// Source: Sennrich et al., Neural Machine Translation of Rare Words with Subword Units, ACL 2016.
///
/// A heap of pairs by rank and place takes `n log n` steps for n characters, since Gemma's words are whole texts.
struct BytePairEncoding: Sendable {
    private let vocabulary: Vocabulary
    private let endOfWord: String
    /// Rank and result of a pair of ids.
    private let merges: [UInt64: Merge]
    private let unknown: Int32
    /// Whether neighbouring unknown characters count as one.
    private let joinsUnknown: Bool
    /// The ids of `<0x00>` … `<0xFF>`, for characters that are not in the vocabulary; empty if there are none.
    private let byteIDs: [Int32]

    private struct Merge: Sendable {
        let rank: Int32
        let id: Int32
    }

    init(_ definition: BytePairDefinition, unknown: String) throws(TokenReelError) {
        vocabulary = definition.vocabulary
        endOfWord = definition.endOfWord
        joinsUnknown = definition.joinsUnknown
        func id(_ token: String) throws(TokenReelError) -> Int32 {
            guard let id = definition.vocabulary[token] else {
                throw TokenReelError(
                    .unreadableInput, subject: definition.file, found: "no token \"\(token.prefix(40))\"",
                    allowed: "a vocabulary with every token that merges and marks name")
            }
            return id
        }
        self.unknown = try id(unknown)
        var byteIDs: [Int32] = []
        if definition.usesByteFallback {
            for byte in 0...255 {
                let digits = String(byte, radix: 16, uppercase: true)
                byteIDs.append(try id("<0x\(byte < 16 ? "0" : "")\(digits)>"))
            }
        }
        self.byteIDs = byteIDs
        var merges: [UInt64: Merge] = [:]
        merges.reserveCapacity(definition.merges.count)
        for (rank, (left, right)) in definition.merges.enumerated() {
            let merge = Merge(rank: Int32(rank), id: try id(left + right))
            merges[Self.pair(try id(left), try id(right))] = merge
        }
        self.merges = merges
    }

    private static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// The ids of one word.
    func ids(ofWord word: Substring.UnicodeScalarView) -> [Int32] {
        var ids: [Int32] = []
        var endsUnknown = false
        var index = word.startIndex
        while index < word.endIndex {
            let scalar = word[index]
            index = word.index(after: index)
            let symbol = index == word.endIndex ? String(scalar) + endOfWord : String(scalar)
            if let id = vocabulary[symbol] {
                ids.append(id)
                endsUnknown = false
            } else if !byteIDs.isEmpty {
                ids += symbol.utf8.map { byteIDs[Int($0)] }
                endsUnknown = false
            } else {
                if !(joinsUnknown && endsUnknown) { ids.append(unknown) }
                endsUnknown = true
            }
        }
        merge(&ids)
        return ids
    }

    private func merge(_ ids: inout [Int32]) {
        guard ids.count > 1 else { return }
        // A list linked both ways; a symbol that was joined to its left neighbour has the id -1.
        var next = Array(1...ids.count)
        var previous = Array(-1..<ids.count - 1)
        let end = ids.count
        var heap = MinimumHeap()
        func push(_ place: Int) {
            guard place >= 0, next[place] < end, let merge = merges[Self.pair(ids[place], ids[next[place]])] else {
                return
            }
            heap.insert(UInt64(merge.rank) << 32 | UInt64(place))
        }
        for place in 0..<end - 1 { push(place) }
        while let first = heap.removeFirst() {
            let place = Int(first & 0xFFFF_FFFF)
            // An entry is stale once one of its two symbols was joined to another.
            guard ids[place] >= 0, next[place] < end,
                let merge = merges[Self.pair(ids[place], ids[next[place]])], UInt64(merge.rank) == first >> 32
            else { continue }
            let right = next[place]
            ids[place] = merge.id
            ids[right] = -1
            next[place] = next[right]
            if next[place] < end { previous[next[place]] = place }
            push(previous[place])
            push(place)
        }
        ids.removeAll { $0 < 0 }
    }
}

/// A binary heap with the smallest number first.
private struct MinimumHeap {
    private var keys: [UInt64] = []

    mutating func insert(_ key: UInt64) {
        var hole = keys.count
        keys.append(key)
        while hole > 0, case let parent = (hole - 1) / 2, keys[parent] > key {
            keys[hole] = keys[parent]
            hole = parent
        }
        keys[hole] = key
    }

    mutating func removeFirst() -> UInt64? {
        guard let first = keys.first, let last = keys.popLast() else { return nil }
        guard !keys.isEmpty else { return first }
        var hole = 0
        while case var child = 2 * hole + 1, child < keys.count {
            if child + 1 < keys.count, keys[child + 1] < keys[child] { child += 1 }
            if keys[child] >= last { break }
            keys[hole] = keys[child]
            hole = child
        }
        keys[hole] = last
        return first
    }
}
