import Testing
import TokenReduction

/// The catalogue against the project's list of published systems.
@Suite struct PublishedSystemsTests {
    /// Systems of the list whose computation can act on visual tokens ahead of an LLM.
    static let rows = [
        1, 3, 5, 6, 8, 9, 10, 11, 12, 13, 14, 16, 19, 21, 23, 24, 25, 26, 27, 28, 29, 31, 32, 33, 34, 35, 36, 37, 45,
        47, 49, 51, 55, 57, 58, 60, 67, 69, 72, 74, 76, 77, 78, 81, 84, 87, 89, 91,
    ]
    /// Methods that are not on the list, but what others are compared with.
    static let references = [
        "tome", "evs", "rlt", "dtd", "vidcom2", "vcast", "cdpruner", "fastvid", "prunevid", "flashvid", "sttm",
        "llava-scissor", "visionzip", "dycoke",
    ]

    @Test func everySystemOfTheListIsThere() {
        #expect(Self.rows.count == 48)
        let covered = Set(MethodCatalogue.entries.flatMap(\.rows))
        #expect(Set(Self.rows).subtracting(covered).sorted() == [])
        #expect(covered.subtracting(Self.rows).sorted() == [])
    }

    @Test func everyReferenceIsThere() {
        #expect(Self.references.count == 14)
        let names = Set(MethodCatalogue.entries.map(\.name))
        #expect(Set(Self.references).subtracting(names).sorted() == [])
    }
}
