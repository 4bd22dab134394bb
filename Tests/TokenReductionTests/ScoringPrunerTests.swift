import Testing
import TokenCore
import TokenReduction

@Suite struct ScoringPrunerTests {
    private func reduce(
        _ name: String, _ grid: TokenGrid, _ budget: TokenBudget, set parameters: [String: String] = [:],
        asPublished: Bool = false, allowSubstitute: Bool = false
    ) throws -> [Int32] {
        var request = ReductionRequest(budget: budget)
        request.asPublished = asPublished
        request.allowSubstitute = allowSubstitute
        return try RecipeRegistry.recipe(named: name, parameters: parameters).reduce(grid, request).plan.anchors
    }

    // MARK: V-CAST

    /// Frames whose tokens all point one way, of growing length, so that the last of a frame are the strongest.
    private func frames(pointing angles: [Float], cells: Int) throws -> TokenGrid {
        var values: [Float] = []
        for angle in angles {
            for length in 1...cells { values += [Float(length), Float(length) * angle, 0] }
        }
        return try TokenGrid(
            shape: GridShape(frames: angles.count, rows: 1, columns: cells, channels: 3),
            values: TensorBuffer(values), frameTimes: angles.indices.map(Double.init))
    }

    @Test func vcastGivesMoreToTheFrameWhereTheVideoTurns() throws {
        // The path goes on at frames 1 and 3 and turns back at frame 2; both ends count as turns of 1.
        let grid = try frames(pointing: [0, 0.1, 0.2, 0.1, 0], cells: 10)
        let kept = try reduce("vcast", grid, .tokens(20)).map { Int($0) }
        let counts = (0..<5).map { frame in kept.count { $0 / 10 == frame } }
        #expect(counts[2] > counts[0] && counts[0] > counts[1] && counts[1] >= 1)
        #expect(counts[0] == counts[4] && counts[1] == counts[3])
        // The strongest of each frame.
        let strongest = (0..<5).flatMap { frame in Array(frame * 10..<frame * 10 + 10).suffix(counts[frame]) }
        #expect(kept == strongest)
    }

    @Test func vcastHandsRemaindersRoundUnlessAsPublished() throws {
        // Nothing moves: all frames weigh the same, and three tokens are left over after one for each.
        let grid = try frames(pointing: [1, 1, 1, 1], cells: 6)
        let exact = try reduce("vcast", grid, .tokens(7)).map { $0 / 6 }
        #expect(exact == [0, 0, 1, 1, 2, 2, 3])
        let published = try reduce("vcast", grid, .tokens(7), asPublished: true).map { $0 / 6 }
        #expect(published == [0, 0, 0, 0, 1, 2, 3])
        #expect(try reduce("vcast", grid, .tokens(7), set: ["minimum": "2"], asPublished: true).count == 8)
    }

    // MARK: VidCom2

    @Test func vidcom2KeepsWhatIsUncommon() throws {
        // All tokens are alike but one in frame 1 and three in frame 3; the last channel varies, so it does not count.
        var random = RandomNumbers(seed: 2)
        var values: [Float] = []
        let odd: Set = [9, 26, 28, 30]
        for token in 0..<32 { values += odd.contains(token) ? [1, -1, 0, 9] : [1, 1, 0, 9 * random.signed()] }
        let grid = try TokenGrid(
            shape: GridShape(frames: 4, rows: 2, columns: 4, channels: 4), values: TensorBuffer(values),
            frameTimes: [0, 1, 2, 3])
        let kept = try reduce("vidcom2", grid, .tokens(8), set: ["channel-share": "0.75"])
        #expect(Set(kept).isSuperset(of: [9, 26, 28, 30]))
        // The unusual frame gets more than its fourth.
        #expect(kept.count { $0 >= 24 } > 2)
        // A single channel that never changes tells nothing apart.
        #expect(try reduce("vidcom2", grid, .tokens(8), set: ["channel-share": "0.25"]).prefix(2) == [0, 1])
    }

    @Test func variancesKeepTheirDigitsAroundALargeMean() {
        var random = RandomNumbers(seed: 8)
        let deviations = random.vector(300 * 3)
        let scales: [Float] = [0.01, 1, 5]
        let values = deviations.indices.map { 1000 + deviations[$0] * scales[$0 % 3] }
        let variances = ChannelStatistics.variances(of: TensorBuffer(values), channels: 3, workers: 1)
        for channel in 0..<3 {
            let column = stride(from: channel, to: values.count, by: 3).map { Double(values[$0]) }
            let mean = column.reduce(0, +) / 300
            let expected = column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 300
            #expect(abs(Double(variances[channel]) - expected) < 1e-4 * expected)
        }
    }

    // MARK: DTD

    /// Four frames of five cells; cell c of a later frame is turned from the frame before by `turns[frame - 1][c]`.
    private func turning(_ turns: [[Double]], changes: [Float]? = nil) throws -> TokenGrid {
        var angles = [Double](repeating: 0, count: 5)
        var values: [Float] = []
        for frame in 0...turns.count {
            for cell in 0..<5 {
                if frame > 0 { angles[cell] += turns[frame - 1][cell] }
                // A rotation written as two rational functions of the half angle's tangent.
                let t = angles[cell]
                values += [Float((1 - t * t) / (1 + t * t)), Float(2 * t / (1 + t * t))]
            }
        }
        return try TokenGrid(
            shape: GridShape(frames: turns.count + 1, rows: 1, columns: 5, channels: 2), values: TensorBuffer(values),
            frameTimes: (0...turns.count).map(Double.init),
            maps: changes.map { [.pixelChange: TokenMap(values: $0)] } ?? [:])
    }

    @Test func dtdDropsWhatIsLikeTheFrameBefore() throws {
        let grid = try turning([[0, 0.9, 0, 0.05, 0], [0.1, 0, 0, 0, 0.9]])
        #expect(try reduce("dtd", grid, .tokens(1), asPublished: true) == [0, 1, 2, 3, 4, 6, 14])
        #expect(
            try reduce("dtd", grid, .tokens(1), set: ["threshold": "0.999"], asPublished: true)
                == [0, 1, 2, 3, 4, 6, 8, 10, 14])
        // Two of five are dropped, the earlier of equals: the references leave that open.
        let relative = try reduce(
            "dtd", grid, .tokens(1), set: ["threshold": "0.6", "relative": "1"], asPublished: true)
        #expect(relative == [0, 1, 2, 3, 4, 6, 8, 10, 14])
    }

    @Test func dtdSharesABudgetAsTheThresholdWould() throws {
        let grid = try turning([[0, 0.9, 0.7, 0.05, 0], [0, 0, 0, 0, 0.9], [0.8, -0.9, -0.7, 0, 0]])
        // The threshold leaves 5, 2, 1 and 3; 6 of these 11 are kept, the first frame's evenly.
        let kept = try reduce("dtd", grid, .tokens(6), set: ["threshold": "0.5"])
        #expect(kept.map { $0 / 5 } == [0, 0, 0, 1, 3, 3] && kept.prefix(3) == [0, 1, 3])
        #expect(kept.suffix(3) == [6, 15, 16])
        // A larger budget goes on to what changed most of the rest.
        #expect(try reduce("dtd", grid, .tokens(12)) == [0, 1, 2, 3, 4, 6, 7, 8, 14, 15, 16, 17])
    }

    @Test func dtdComparesPixelsWhereAsked() throws {
        var changes = [Float](repeating: 0, count: 10)
        changes[6] = 1
        changes[8] = 0.4
        let grid = try turning([[0.9, 0, 0, 0, 0]], changes: changes)
        let parameters = ["compare": "pixels", "threshold": "0.2"]
        #expect(try reduce("dtd", grid, .tokens(1), set: parameters, asPublished: true) == [0, 1, 2, 3, 4, 6])
        #expect(try reduce("dtd", grid, .tokens(7), set: parameters) == [0, 1, 2, 3, 4, 6, 8])
        #expect(throws: TokenReelError.self) {
            try reduce("dtd", turning([[0, 0, 0, 0, 0]]), .tokens(2), set: parameters)
        }
    }

    // MARK: HiPrune

    @Test func hipruneKeepsTheNeighboursOfObjects() throws {
        var object = [Float](repeating: 0, count: 12)
        object[3] = 1
        let grid = try TokenGrid(
            shape: GridShape(frames: 1, rows: 3, columns: 4, channels: 2),
            values: TensorBuffer([Float](repeating: 1, count: 24)), frameTimes: [0],
            saliency: (0..<12).map { Float($0) / 100 }, maps: [.objectSaliency: TokenMap(values: object)])
        // The object at the end of the first row, its neighbours to the left and below, then the deep layer's choice.
        #expect(try reduce("hiprune", grid, .tokens(5), set: ["alpha": "1"]) == [2, 3, 7, 10, 11])
        // The reference goes on to the next row.
        #expect(try reduce("hiprune", grid, .tokens(5), set: ["alpha": "1"], asPublished: true) == [0, 2, 3, 4, 7])
        #expect(try reduce("hiprune", grid, .tokens(5), set: ["alpha": "0"]) == [7, 8, 9, 10, 11])
    }

    // MARK: FlowCut

    private func towerGrid(_ layers: [(attention: [Float], semantics: [Float], norms: [Float])]) throws -> TokenGrid {
        func map(_ values: [[Float]]) -> TokenMap { TokenMap(layers: values.count, values: values.flatMap { $0 }) }
        let cells = layers[0].attention.count
        return try TokenGrid(
            shape: GridShape(frames: 1, rows: 1, columns: cells, channels: 1),
            values: TensorBuffer([Float](repeating: 1, count: cells)), frameTimes: [0],
            maps: [
                .classAttention: map(layers.map(\.attention)), .semanticAttention: map(layers.map(\.semantics)),
                .valueNorms: map(layers.map(\.norms)),
            ])
    }

    @Test func flowcutAddsUpWhatFlowsThroughTheLayers() throws {
        let last: (attention: [Float], semantics: [Float], norms: [Float]) = (
            [0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1], [1, 1, 1, 9]
        )
        // In one layer attention and semantics balance here, and the norm decides.
        #expect(try reduce("flowcut", towerGrid([last]), .tokens(1)) == [3])
        // A layer before in which almost all went through token 0 outweighs it.
        let first: (attention: [Float], semantics: [Float], norms: [Float]) = (
            [0.97, 0.01, 0.01, 0.01], [0.97, 0.01, 0.01, 0.01], [9, 1, 1, 1]
        )
        #expect(try reduce("flowcut", towerGrid([first, last]), .tokens(1)) == [0])
    }

    @Test func flowcutDropsForGoodWhereAttentionIsConcentrated() throws {
        let sharp: (attention: [Float], semantics: [Float], norms: [Float]) = (
            [1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]
        )
        let late: (attention: [Float], semantics: [Float], norms: [Float]) = (
            [0, 0, 0, 1], [0, 0, 0, 1], [90, 90, 90, 90]
        )
        // Two layers to come: (4 - 1) / sqrt 2 rounds to 2, so tokens 2 and 3 have gone before they count.
        #expect(try reduce("flowcut", towerGrid([sharp, late, late]), .tokens(1)) != [3])
        #expect(try reduce("flowcut", towerGrid([late, late]), .tokens(1)) == [3])
    }

    @Test func flowcutRefusesMapsOfDifferentDepth() throws {
        let shape = try GridShape(frames: 1, rows: 1, columns: 2, channels: 1)
        let grid = try TokenGrid(
            shape: shape, values: TensorBuffer([1, 2]), frameTimes: [0],
            maps: [
                .classAttention: TokenMap(layers: 2, values: [1, 1, 1, 1]),
                .semanticAttention: TokenMap(values: [1, 1]), .valueNorms: TokenMap(layers: 2, values: [1, 1, 1, 1]),
            ])
        let error = #expect(throws: TokenReelError.self) { try reduce("flowcut", grid, .tokens(1)) }
        #expect(error?.code == .invalidArgument)
    }

    @Test func flowcutMakesDoWithTheTokensWhereAllowed() throws {
        // Three tokens agree with the mean; of these the longest stays.
        let grid = try TokenGrid(
            shape: GridShape(frames: 1, rows: 2, columns: 2, channels: 2),
            values: TensorBuffer([1, 0.1, 5, 0.2, -1, 9, 2, 0]), frameTimes: [0])
        #expect(throws: TokenReelError.self) { try reduce("flowcut", grid, .tokens(1)) }
        #expect(try reduce("flowcut", grid, .tokens(3), allowSubstitute: true) == [1, 2, 3])
    }
}
