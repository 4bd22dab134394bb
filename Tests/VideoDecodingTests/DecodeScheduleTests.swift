import Testing
import VideoDecoding

@Suite struct DecodeScheduleTests {
    /// Records from display times; entries are marked by index.
    private func records(_ times: [Int64], entries: Set<Int>) -> [PacketIndex.Record] {
        times.enumerated().map { index, time in
            var record = PacketIndex.Record(pts: time)
            record.isEntry = entries.contains(index)
            return record
        }
    }

    @Test func onlyGroupsWithWantedFramesAreDecoded() {
        let list = records((0..<30).map { Int64($0) }, entries: [0, 10, 20])
        #expect(DecodeSchedule(list, wanted: [3]).runs == [0..<4])
        #expect(DecodeSchedule(list, wanted: [12, 25]).runs == [10..<13, 20..<26])
        #expect(DecodeSchedule(list, wanted: [19, 20]).runs == [10..<21])
        #expect(DecodeSchedule(list, wanted: [29, 2, 4]).runs == [0..<5, 20..<30])
        #expect(DecodeSchedule(list, wanted: []).runs.isEmpty)
        #expect(DecodeSchedule([], wanted: []).runs.isEmpty)
    }

    @Test func leadingPicturesAreReachedFromTheEntryBefore() {
        // Open GOP: packet 10 is shown at 13, packets 11 and 12 before it.
        let times = (0..<10).map { Int64($0) } + [13, 11, 12] + (14..<20).map { Int64($0) }
        let list = records(times, entries: [0, 10])
        #expect(DecodeSchedule(list, wanted: [11]).runs == [0..<12])
        #expect(DecodeSchedule(list, wanted: [10]).runs == [10..<11])
        #expect(DecodeSchedule(list, wanted: [14]).runs == [10..<15])
        #expect(DecodeSchedule(list, wanted: [14, 12]).runs == [0..<15])
    }

    @Test func withoutEntriesEverythingBeforeIsDecoded() {
        let list = records((0..<9).map { Int64($0) }, entries: [])
        #expect(DecodeSchedule(list, wanted: [4, 6]).runs == [0..<7])
    }

    /// Against the definition: a packet is decoded exactly if some wanted one needs it.
    @Test(arguments: 0..<100)
    func runsCoverWhatIsNeededAndNoMore(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        let count = Int.random(in: 1...40, using: &random)
        let times = (0..<count).map { Int64($0) + Int64.random(in: -3...3, using: &random) }
        let entries = Set((0..<count).filter { _ in Int.random(in: 0..<6, using: &random) == 0 })
        let wanted = (0..<count).filter { _ in Int.random(in: 0..<5, using: &random) == 0 }
        var needed = Set<Int>()
        for index in wanted {
            let entry = (0...index).last { entries.contains($0) && times[$0] <= times[index] } ?? 0
            needed.formUnion(entry...index)
        }
        let schedule = DecodeSchedule(records(times, entries: entries), wanted: wanted)
        #expect(schedule.runs.flatMap { Array($0) } == needed.sorted())
        #expect((0..<count).filter { schedule.isWanted[$0] } == wanted)
    }
}
