import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReduction
import TokenReel

/// One prompt with a video, as `scripts/make-position-fixtures.py` had a program number it.
struct PositionCase: Decodable, CustomStringConvertible, Sendable {
    let metadata: [String: String]
    let grid: [Int]
    /// Text ids before each block of the video.
    let texts: [Int]
    /// Text ids behind it.
    let tail: Int
    let rule: String
    let positions: [[Int64]]
    /// Where vLLM pruned: the share it dropped, what it read, and what it kept.
    let rate: Double?
    let embeddings: [Float]?
    let kept: [Int32]?

    var description: String { "\(metadata["family"] ?? "") \(grid) \(metadata["fps"] ?? "") \(rule)" }

    static let all: [PositionCase] = {
        let file = SharedFiles.package.appending(path: "Tests/TokenReelTests/Positions/Fixtures/positions.json")
        return (try? JSONDecoder().decode([PositionCase].self, from: Data(contentsOf: file))) ?? []
    }()

    /// Writes the grid with what it says about itself.
    func write(to path: String, changing change: [String: String] = [:]) throws {
        let channels = 6
        let shape = try GridShape(frames: grid[0], rows: grid[1], columns: grid[2], channels: channels)
        let values = embeddings ?? (0..<shape.elementCount).map { Float(($0 * 37) % 101) }
        let times = (0..<grid[0]).map { Double($0) + 0.25 }
        try TokenGrid(shape: shape, values: TensorBuffer(values), frameTimes: times)
            .write(to: path, metadata: metadata.merging(change) { $1 })
    }

    /// Reduces it as the case says: to what vLLM keeps, or not at all.
    func reduced(in scratch: ScratchFolder, order: TokenOrder = .reading) throws -> ReducedInput {
        try write(to: scratch.path("grid.safetensors"))
        var pipeline = try Pipeline()
        pipeline.method = "evs"
        pipeline.request.budget = .ratio(1 - (rate ?? 0))
        pipeline.request.asPublished = rate != nil
        pipeline.request.order = order
        pipeline.positionRule = try #require(PositionRule(rawValue: rule))
        return try pipeline.reduce(OpenInput(.file(scratch.path("grid.safetensors"))))
    }
}

@Suite struct RotaryPositionsTests {
    /// Puts the tokens between texts as a reader of the file would.
    private func prompt(_ positions: RotaryPositions, _ expected: PositionCase) -> [[Int64]] {
        let count = positions.ids.count / 3
        let blocks = positions.groups?.map(\.tokens) ?? [count]
        var axes: [[Int64]] = [[], [], []]
        var next: Int64 = 0
        func text(_ length: Int) {
            for axis in 0..<3 { axes[axis] += next..<next + Int64(length) }
            next += Int64(length)
        }
        var token = 0
        for (length, tokens) in zip(expected.texts, blocks) {
            text(length)
            for axis in 0..<3 {
                axes[axis] += positions.ids[axis * count + token..<axis * count + token + tokens].map { $0 + next }
            }
            token += tokens
            next += Int64(positions.next)
        }
        text(expected.tail)
        return axes
    }

    @Test func thereAreCasesForEveryFamilyAndRule() {
        let kinds = Set(PositionCase.all.map { "\($0.metadata["family"] ?? "") \($0.rule)" })
        #expect(kinds.count == RotaryFacts.Family.allCases.count * PositionRule.allCases.count)
    }

    /// Without reduction the model's own positions; with vLLM's pruning the tokens it keeps where it has them.
    @Test(arguments: PositionCase.all)
    func promptsAreNumberedAsByTheProgram(expected: PositionCase) throws {
        let reduced = try expected.reduced(in: ScratchFolder())
        if let kept = expected.kept { #expect(reduced.sequence.plan.anchors == kept) }
        let positions = try #require(reduced.sequence.rotaryPositions)
        #expect(prompt(positions, expected) == expected.positions)
        #expect(expected.texts.count == positions.groups?.count ?? 1)
        // Text behind the video lies this much before its index.
        let index = expected.positions[0].count - 1
        #expect(Int(expected.positions[0][index]) == index + positions.delta)
    }

    @Test func groupsWithoutTokensAreLeftOutExceptByVLLM() throws {
        let pruned = try #require(
            PositionCase.all.last { $0.rule == "vllm-evs" && $0.metadata["family"] == "qwen3-vl" && $0.grid[0] > 3 })
        let sequence = try pruned.reduced(in: ScratchFolder()).sequence
        let facts = try #require(try RotaryFacts(pruned.metadata))
        let all = try #require(sequence.placed(facts, by: .vllmEVS).rotaryPositions?.groups)
        let some = try #require(sequence.placed(facts, by: .transformers5).rotaryPositions?.groups)
        #expect(all.count == pruned.grid[0] && all.contains { $0.tokens == 0 })
        #expect(some == all.filter { $0.tokens > 0 })
        #expect(some.reduce(0) { $0 + $1.tokens } == sequence.count)
        for group in all { #expect(group.timestamp == "<\(group.frame).2 seconds>") }
    }

    @Test(arguments: ["qwen2.5-vl", "qwen3-vl"])
    func aFileTellsThemAndIsChecked(family: String) throws {
        let scratch = try ScratchFolder()
        let wanted = try #require(
            PositionCase.all.first { $0.rule == "transformers-5" && $0.metadata["family"] == family })
        let reduced = try wanted.reduced(in: scratch)
        try reduced.sequence.write(to: scratch.path("a"), metadata: reduced.metadata)
        let file = try TokenSequenceFile(path: scratch.path("a"))
        #expect(file.sequence.rotaryPositions == reduced.sequence.rotaryPositions)
        #expect(file.metadata["position_rule"] == "transformers-5" && file.metadata["next_position"] == "6")
        #expect((file.metadata["groups"] != nil) == (family == "qwen3-vl"))
        #expect(file.metadata["fps"] == wanted.metadata["fps"])

        var other = reduced.metadata
        other["family"] = nil
        try reduced.sequence.write(to: scratch.path("b"), metadata: other)
        #expect(throws: TokenReelError.self) { try TokenSequenceFile(path: scratch.path("b")) }
        // Positions that another frame rate would give.
        guard family == "qwen2.5-vl" else { return }
        other = reduced.metadata.merging(["fps": "0.5"]) { $1 }
        try reduced.sequence.write(to: scratch.path("b"), metadata: other)
        #expect {
            try TokenSequenceFile(path: scratch.path("b"))
        } throws: { ($0 as? TokenReelError)?.found == "position_ids that contradict the plan" }
    }

    @Test func factsThatMakeNoSenseAreNamed() throws {
        let scratch = try ScratchFolder()
        let wanted = try #require(PositionCase.all.first)
        for change in [["fps": "0"], ["fps": "nan"], ["tokens_per_second": "many"], ["temporal_patch_size": ""]] {
            try wanted.write(to: scratch.path("grid.safetensors"), changing: change)
            #expect("\(change)") {
                _ = try Pipeline().reduce(OpenInput(.file(scratch.path("grid.safetensors"))))
            } throws: { error in
                let error = error as? TokenReelError
                return error?.code == .unreadableInput && change.keys.allSatisfy { error?.found.contains($0) == true }
            }
        }
        try wanted.write(to: scratch.path("grid.safetensors"), changing: ["family": "other"])
        let other = try Pipeline().reduce(OpenInput(.file(scratch.path("grid.safetensors"))))
        #expect(other.sequence.rotaryPositions == nil && other.metadata["position_rule"] == nil)
    }

    /// Any order of tokens keeps each one's position.
    @Test func positionsFollowTheTokensInPrefixOrder() throws {
        let wanted = try #require(PositionCase.all.first { $0.rule == "vllm-evs" })
        let reading = try wanted.reduced(in: ScratchFolder()).sequence
        let ranked = try wanted.reduced(in: ScratchFolder(), order: .prefix).sequence
        func placed(_ sequence: TokenSequence) throws -> [Int32: [Int64]] {
            let ids = try #require(sequence.rotaryPositions).ids
            let places = sequence.plan.anchors.indices.map { row in (0..<3).map { ids[$0 * sequence.count + row] } }
            return Dictionary(uniqueKeysWithValues: zip(sequence.plan.anchors, places))
        }
        #expect(reading.plan.anchors != ranked.plan.anchors)
        #expect(try placed(reading) == placed(ranked))
    }

    /// For Qwen3-VL vLLM compares the tokens with their DeepStack vectors behind them.
    @Test func streamsCanBeComparedWithTheTokens() throws {
        let scratch = try ScratchFolder()
        let shape = try GridShape(frames: 6, rows: 2, columns: 3, channels: 4)
        let streams = (0..<4).map { stream -> [Float] in
            (0..<shape.elementCount).map { index -> Float in
                let number = (index * index * 31 + index * (17 + 5 * stream)) % 1009
                return Float(number) / 500 - 1
            }
        }
        let grid = try TokenGrid(
            shape: shape, values: TensorBuffer(streams[0]), frameTimes: (0..<6).map(Double.init),
            deepstack: streams[1...].map { TensorBuffer($0) })
        let long = try TokenGrid(
            shape: GridShape(frames: 6, rows: 2, columns: 3, channels: 16),
            values: TensorBuffer(
                (0..<36).flatMap { token -> [Float] in streams.flatMap { $0[4 * token..<4 * token + 4] } }),
            frameTimes: (0..<6).map(Double.init))
        var pipeline = try Pipeline()
        pipeline.method = "evs"
        pipeline.request.budget = .ratio(0.5)
        func kept(_ grid: TokenGrid) throws -> TokenSequence {
            try grid.write(to: scratch.path("grid.safetensors"))
            return try pipeline.reduce(OpenInput(.file(scratch.path("grid.safetensors")))).sequence
        }
        let alone = try kept(grid)
        let expected = try kept(long)
        pipeline.comparesStreams = true
        let compared = try kept(grid)
        #expect(compared.plan == expected.plan && compared.plan != alone.plan)
        #expect(compared.shape.channels == 4 && compared.deepstack.count == 3)
        #expect(Array(compared.tokens.array[..<4]) == Array(expected.tokens.array[..<4]))

        pipeline.request.query = try Query(vectors: [1, 0, 0, 0], channels: 4)
        #expect(try kept(grid).relevance?.count == compared.count)
        pipeline.method = "vqtoken"
        #expect { try kept(grid) } throws: { ($0 as? TokenReelError)?.remedy?.contains("--compare-streams") == true }
    }

    @Test func secondsAreRoundedAsByC() {
        let ties = (0..<400).map { Double($0) / 20 } + [0.35, 1.005, 99.95, 1e14, 123456.75, -0.04, -1.25, .pi]
        for seconds in ties {
            #expect(RotaryPositions.tenths(seconds) == String(format: "%.1f", seconds))
        }
    }
}
