import Testing
import TokenCore
import TokenReduction

@Suite struct StaticDynamicMergerTests {
    /// Two still scenes, the second of cells that have nothing in common, the first of cells all but equal where it is
    /// `even`.
    private func scenes(even: Bool) throws -> TokenGrid {
        var random = RandomNumbers(seed: 21)
        let wall = random.vector(16)
        let scenes = [even, false].map { isEven in
            (0..<36).map { _ in isEven ? wall.map { $0 + 0.01 * random.signed() } : random.vector(16) }
        }
        let values = (0..<12).flatMap { frame in
            scenes[frame / 6].flatMap { $0.map { $0 + 0.001 * random.signed() } }
        }
        return try TokenGrid(
            shape: GridShape(frames: 12, rows: 6, columns: 6, channels: 16), values: TensorBuffer(values),
            frameTimes: (0..<12).map(Double.init))
    }

    @Test func anEvenSceneCostsLessThanADetailedOne() throws {
        let recipe = try RecipeRegistry.recipe(named: "tokenreel")
        func firstShare(even: Bool) throws -> Int {
            let reduction = try recipe.reduce(scenes(even: even), ReductionRequest(budget: .tokens(40)))
            #expect(reduction.segments.map(\.start) == [0, 6])
            return reduction.plan.anchors.count { $0 < 6 * 36 }
        }
        #expect(abs(try firstShare(even: false) - 20) <= 1)
        #expect((12...14).contains(try firstShare(even: true)))
    }
}
