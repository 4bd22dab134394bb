import Testing
import TokenCore
import TokenReel

@Suite struct GridStorageTests {
    private func store(_ frames: [[Float]], limits: Limits = Limits(), threshold: Int) throws -> TensorBuffer<Float> {
        var storage = GridStorage(limits: limits, threshold: threshold)
        for frame in frames { try frame.withUnsafeBufferPointer { try storage.append($0) } }
        return try storage.finish()
    }

    private let frames = (0..<300).map { frame in (0..<1000).map { Float(frame * 1000 + $0) } }

    /// 0 spools from the start, 500,000 in the middle, the last never.
    @Test(arguments: [0, 500_000, 1 << 30])
    func holdsWhatWasAppended(threshold: Int) throws {
        let stored = try store(frames, threshold: threshold)
        #expect(stored.array == frames.flatMap { $0 })
    }

    @Test func emptyGridIsEmpty() throws {
        #expect(try store([], threshold: 0).count == 0)
        #expect(try store([[]], threshold: 0).count == 0)
    }

    @Test(arguments: [0, 1 << 30])
    func limitIsExactAndNamesItsOption(threshold: Int) throws {
        var limits = Limits()
        limits.gridBytes = 4000 * 10
        #expect(try store(Array(frames.prefix(10)), limits: limits, threshold: threshold).count == 10_000)
        #expect { try store(Array(frames.prefix(11)), limits: limits, threshold: threshold) } throws: {
            let error = $0 as? TokenReelError
            return error?.code == .limitExceeded && error?.remedy?.contains("--max-grid-bytes") == true
        }
    }
}
