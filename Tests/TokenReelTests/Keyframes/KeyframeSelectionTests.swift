import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReduction
import TokenReel

@Suite struct KeyframeSelectionTests {
    /// Frames of one direction each; equal numbers are equal frames.
    private func sequence(_ scenes: [Int], keep: Double = 0.5) throws -> TokenSequence {
        let channels = 8
        var values: [Float] = []
        for scene in scenes {
            for cell in 0..<4 {
                var token = [Float](repeating: 0, count: channels)
                token[6 + cell % 2] = 0.1
                token[scene] = 1
                values += token
            }
        }
        let grid = try TokenGrid(
            shape: GridShape(frames: scenes.count, rows: 2, columns: 2, channels: channels),
            values: TensorBuffer(values), frameTimes: scenes.indices.map(Double.init))
        let recipe = try RecipeRegistry.recipe(named: "tokenreel")
        return TokenSequence(try recipe.reduce(grid, ReductionRequest(budget: .ratio(keep))), of: grid)
    }

    @Test func everySceneGetsAFrameAndTheLargestComesFirst() throws {
        let scenes = [0, 0, 1, 1, 1, 1, 1, 2, 2, 2]
        let selection = KeyframeSelection(of: try sequence(scenes), atMost: 3)
        #expect(selection.keyframes.map { scenes[$0.frame] } == [0, 1, 2])
        #expect(selection.keyframes.first { $0.rank == 0 }.map { scenes[$0.frame] } == 1)
        #expect(selection.coverage > 0.98 && selection.coverage <= 1.000001)
    }

    @Test func smallerBudgetsAreTheFirstRanksOfLargerOnes() throws {
        let sequence = try sequence([3, 3, 0, 1, 1, 2, 4, 4, 4, 5])
        let large = KeyframeSelection(of: sequence, atMost: 6)
        for count in 1...5 {
            let small = KeyframeSelection(of: sequence, atMost: count)
            #expect(Set(small.keyframes.map(\.frame)) == Set(large.keyframes.filter { $0.rank < count }.map(\.frame)))
            #expect(small.coverage < large.coverage)
        }
        let gains = large.keyframes.sorted { $0.rank < $1.rank }.map(\.gain)
        #expect(gains == gains.sorted(by: >))
    }

    @Test func everySegmentIsStoodForOnce() throws {
        let sequence = try sequence([0, 0, 0, 1, 1, 2, 2, 2])
        for count in [1, 2, 8] {
            let selection = KeyframeSelection(of: sequence, atMost: count, workers: 3)
            #expect(selection.keyframes.flatMap(\.segments).sorted() == Array(sequence.segments.indices))
            #expect(selection.keyframes == KeyframeSelection(of: sequence, atMost: count).keyframes)
        }
    }

    @Test func framesThatAddNothingAreLeftOut() throws {
        #expect(KeyframeSelection(of: try sequence([1, 1, 1, 1, 1], keep: 1), atMost: 5).keyframes.count == 1)
        let empty = try TokenGrid(
            shape: GridShape(frames: 0, rows: 2, columns: 2, channels: 8), values: TensorBuffer([]), frameTimes: [])
        let reduction = try RecipeRegistry.recipe().reduce(empty, ReductionRequest(budget: .ratio(1)))
        let nothing = KeyframeSelection(of: TokenSequence(reduction, of: empty), atMost: 5)
        #expect(nothing.keyframes.isEmpty && nothing.coverage == 0)
    }
}
