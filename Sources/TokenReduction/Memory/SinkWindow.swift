/// A memory of the first entries of a stream and the most recent ones.
///
/// Source: StreamingLLM (arXiv 2309.17453), `StartRecentKVCache`: entries `0 ..< sinks` stay for good, of the others
/// the last `recent`. An entry's position is its place in the memory, not in the stream, so positions never grow beyond
/// `sinks + recent`. Entries may be tokens or whole frames.
public struct SinkWindow<Entry: Sendable>: Sendable {
    /// How many of the first entries stay for good.
    public let sinks: Int
    /// How many of the last entries are kept.
    public let recent: Int
    /// What is kept, in the order of the stream; an entry's place here is its position.
    public private(set) var entries: [Entry] = []
    /// How many entries have been appended so far.
    public private(set) var received = 0

    /// An empty memory.
    ///
    /// - Precondition: Neither number is negative.
    public init(sinks: Int, recent: Int) {
        precondition(sinks >= 0 && recent >= 0, "a memory holds no negative number of entries")
        self.sinks = sinks
        self.recent = recent
    }

    /// Most entries the memory holds.
    public var capacity: Int { sinks + recent }
    /// How many of ``entries`` are sinks.
    public var sinkCount: Int { min(sinks, entries.count) }
    /// For each of ``entries`` its place in the stream.
    public var streamPlaces: [Int] {
        entries.indices.map { $0 < sinkCount ? $0 : received - entries.count + $0 }
    }

    /// Remembers an entry, and gives back the one that it drives out.
    public mutating func append(_ entry: Entry) -> Entry? {
        let evicted = makeRoom(for: 1).first
        received += 1
        guard entries.count < capacity else { return entry }
        entries.append(entry)
        return evicted
    }

    /// Changes all entries in place.
    mutating func update(_ change: (inout Entry) -> Void) {
        for index in entries.indices { change(&entries[index]) }
    }

    /// Drives out what has to go before `count` more entries fit, oldest first.
    public mutating func makeRoom(for count: Int) -> [Entry] {
        let excess = min(max(entries.count + count - capacity, 0), entries.count - sinkCount)
        let evicted = Array(entries[sinkCount..<sinkCount + excess])
        entries.removeSubrange(sinkCount..<sinkCount + excess)
        return evicted
    }
}
