/// Which packets the decoder must see to put out the wanted frames, and no more.
///
/// For each wanted packet that is everything from the entry at or before it. An entry serves only frames shown at or
/// after it: those shown earlier but stored later may need pictures from before the entry.
package struct DecodeSchedule {
    /// Packets to decode without a gap: from an entry (or the first packet) to the last wanted one it serves.
    package private(set) var runs: [Range<Int>] = []
    /// By stored order.
    package let isWanted: [Bool]

    /// Plans for the packets `wanted`, indices into `records` in any order.
    package init(_ records: [PacketIndex.Record], wanted: [Int]) {
        var isWanted = [Bool](repeating: false, count: records.count)
        for index in wanted { isWanted[index] = true }
        self.isWanted = isWanted
        let entries = records.indices.filter { records[$0].isEntry }
        var nextEntry = 0
        for index in records.indices where isWanted[index] {
            while nextEntry < entries.count, entries[nextEntry] <= index { nextEntry += 1 }
            let entry = entries[..<nextEntry].last { records[$0].pts <= records[index].pts } ?? 0
            append(entry..<index + 1)
        }
    }

    /// Decodes everything.
    init(readingThrough records: [PacketIndex.Record], wanted: [Int]) {
        var isWanted = [Bool](repeating: false, count: records.count)
        for index in wanted { isWanted[index] = true }
        self.isWanted = isWanted
        if !records.isEmpty { runs = [0..<records.count] }
    }

    private mutating func append(_ run: Range<Int>) {
        var run = run
        while let last = runs.last, last.upperBound >= run.lowerBound {
            run = min(last.lowerBound, run.lowerBound)..<run.upperBound
            runs.removeLast()
        }
        runs.append(run)
    }
}
