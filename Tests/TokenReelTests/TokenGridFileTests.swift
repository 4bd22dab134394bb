import Foundation
import Safetensors
import TestSupport
import Testing
import TokenCore
import TokenReel

@Suite struct TokenGridFileTests {
    private func refusal(
        limits: Limits = Limits(), _ fill: (inout SafetensorsWriter) -> Void
    ) throws -> TokenReelError? {
        let scratch = try ScratchFolder()
        var writer = SafetensorsWriter()
        fill(&writer)
        try writer.write(to: scratch.path("a"))
        do {
            _ = try TokenGridFile(path: scratch.path("a"), limits: limits)
            return nil
        } catch {
            return error
        }
    }

    private func zeros(_ shape: [Int]) -> [Float] { [Float](repeating: 0, count: shape.reduce(1, *)) }

    @Test func gridsComeBack() throws {
        let scratch = try ScratchFolder()
        let grid = try SmallSequence.grid()
        try grid.write(to: scratch.path("a"), metadata: ["source": "x"])
        let file = try TokenGridFile(path: scratch.path("a"))
        #expect(file.grid.shape == grid.shape)
        #expect(file.grid.values.array == grid.values.array)
        #expect(file.grid.saliency == grid.saliency)
        #expect(file.grid.frameTimes == grid.frameTimes)
        #expect(file.grid.newline == grid.newline && grid.newline != nil)
        #expect(file.grid.deepstack.map(\.array) == grid.deepstack.map(\.array) && grid.deepstack.count == 2)
        #expect(file.query == nil)
        #expect(file.metadata["source"] == "x")
    }

    @Test func gridsFromElsewhereMayBeFlat() throws {
        let scratch = try ScratchFolder()
        var writer = SafetensorsWriter()
        let values = (0..<5 * 9 * 2).map { Float($0) / 64 }
        writer.add("tokens", shape: [5, 9, 2], floats: TensorBuffer(values), as: .f16)
        writer.add("saliency", shape: [5, 9], (0..<45).map { Float($0) })
        writer.add("frame_features", shape: [5, 3], (0..<15).map { Float($0) })
        writer.add("query", shape: [2], [1, 2] as [Float])
        try writer.write(to: scratch.path("a"))
        let file = try TokenGridFile(path: scratch.path("a"))
        #expect(file.grid.shape == (try GridShape(frames: 5, rows: 3, columns: 3, channels: 2)))
        #expect(file.grid.values.array == values)
        #expect(file.grid.saliency?.count == 45)
        #expect(file.grid.frameFeatures?.count == 15)
        #expect(file.grid.frameTimes == [0, 1, 2, 3, 4])
        #expect(file.query?.vectors == [1, 2])
    }

    @Test(arguments: [[5, 8, 2], [5, 2], [4], [], [1, 2, 3, 4, 5], [2, 2, 2, 0]])
    func otherShapesAreRefused(shape: [Int]) throws {
        #expect(try refusal { $0.add("tokens", shape: shape, zeros(shape)) } != nil)
    }

    @Test func signalsMustFit() throws {
        for (name, shape) in [
            ("saliency", [5, 3]), ("saliency", [5, 2, 3]), ("frame_features", [4, 3]), ("frame_features", [5]),
            ("query", [2, 2, 2]), ("query", [0, 2]), ("newline", [3]), ("newline", [1, 2]),
            ("deepstack.0", [5, 2, 2, 3]), ("deepstack.0", [5, 4, 2]),
        ] {
            let error = try refusal {
                $0.add("tokens", shape: [5, 2, 2, 2], zeros([5, 2, 2, 2]))
                $0.add(name, shape: shape, zeros(shape))
            }
            #expect(error != nil, "\(name) \(shape)")
        }
        let times = try refusal {
            $0.add("tokens", shape: [1, 2, 2, 2], zeros([1, 2, 2, 2]))
            $0.add("frame_times", shape: [1], [Double.nan])
        }
        #expect(times?.code == .unreadableInput)
        #expect(try refusal { $0.add("tokens", shape: [1, 2, 2, 2], [Int32](repeating: 0, count: 8)) } != nil)
        #expect(try refusal { $0.add("other", shape: [1], [0] as [Float]) }?.found.contains("\"tokens\"") == true)
    }

    @Test func limitsHoldBeforeAnythingIsAllocated() throws {
        var limits = Limits()
        limits.gridBytes = 31
        let error = try refusal(limits: limits) { $0.add("tokens", shape: [1, 2, 2, 2], zeros([1, 2, 2, 2])) }
        #expect(error?.code == .limitExceeded)
        // Nothing in the file, but one frame time for each of a trillion frames.
        let empty = try refusal { $0.add("tokens", shape: [1 << 40, 0, 1, 1], [] as [Float]) }
        #expect(empty?.code == .limitExceeded)
    }

    @Test func queriesAreFoundByNameOrBecauseTheyAreAlone() throws {
        let scratch = try ScratchFolder()
        var writer = SafetensorsWriter()
        writer.add("anything", shape: [2, 3], (0..<6).map { Float($0) })
        try writer.write(to: scratch.path("alone"))
        #expect(try Query(path: scratch.path("alone")).count == 2)
        writer.add("query", shape: [3], [7, 8, 9] as [Float])
        try writer.write(to: scratch.path("named"))
        #expect(try Query(path: scratch.path("named")).vectors == [7, 8, 9])
        var two = SafetensorsWriter()
        two.add("a", shape: [1], [0] as [Float])
        two.add("b", shape: [1], [0] as [Float])
        try two.write(to: scratch.path("two"))
        #expect(throws: TokenReelError.self) { try Query(path: scratch.path("two")) }
    }
}
