import TestSupport
import Testing
import TokenCore
import VisionEncoding

@Suite struct TextQueryTests {
    private let scratch: ScratchFolder

    init() throws { scratch = try ScratchFolder() }

    private func grid(_ tower: VisionTower, frames: Int) throws -> TokenGrid {
        var values: [Float] = []
        for index in 0..<frames * tower.rows * tower.columns * tower.channels {
            values.append(Float((index * 7919) % 1009) / 500 - 1)
        }
        return try TokenGrid(
            shape: GridShape(frames: frames, rows: tower.rows, columns: tower.columns, channels: tower.channels),
            values: TensorBuffer(values), frameTimes: (0..<frames).map { Double($0) })
    }

    private func cosine(_ a: ArraySlice<Float>, _ b: [Float]) -> Double {
        func length(_ v: some Sequence<Float>) -> Double { v.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot() }
        return zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } / length(a) / length(b)
    }

    private func checkpoint(in scratch: ScratchFolder) throws -> CheckpointFolder {
        try CheckpointFolder(try TinyCheckpoints.clipWithTokenizer(in: scratch))
    }

    private func tower(_ folder: CheckpointFolder, _ space: FeatureSpace) throws -> VisionTower {
        var options = VisionTowerOptions()
        options.space = space
        return try VisionTower(folder, options: options)
    }

    @Test func relevanceFollowsItsDefinition() throws {
        let folder = try checkpoint(in: scratch)
        let tower = try tower(folder, .tower)
        let grid = try grid(tower, frames: 3)
        let query = try TextQuery("a red car, no dog", folder: folder, tower: tower)
        #expect(query.phrases == QueryPhrases("a red car, no dog"))
        let relevance = try query.relevance(of: grid, workers: 2)

        let text = try TextTower(folder)
        let tokenizer = try loadTokenizer(folder: folder.path, contextLength: text.contextLength)
        let wanted = try text.embedding(of: tokenizer.ids(for: "a red car"))
        let unwanted = try text.embedding(of: tokenizer.ids(for: "dog"))
        let shared = try grid.values.withUnsafeBufferPointer { try tower.sharedVectors(of: $0) }
        let width = try #require(tower.sharedChannels)
        for token in 0..<grid.shape.tokenCount {
            let vector = shared[token * width..<(token + 1) * width]
            let expected = -cosine(vector, wanted) - 0.5 * max(-cosine(vector, unwanted), 0)
            #expect(abs(Double(relevance[token]) - expected) < 1e-4)
        }
        #expect(try query.relevance(of: grid, workers: 1) == relevance)
    }

    /// The same tokens in tower space, in the shared space, and beside tokens of some other encoder.
    @Test func theWayIntoTheSharedSpaceDoesNotMatter() throws {
        let folder = try checkpoint(in: scratch)
        let tower = try tower(folder, .tower)
        let grid = try grid(tower, frames: 2)
        let expected = try TextQuery("red, no dog", folder: folder, tower: tower).relevance(of: grid)
        let shared = try grid.values.withUnsafeBufferPointer { try tower.sharedVectors(of: $0) }

        let projected = try self.tower(folder, .projected)
        #expect(projected.channels == 20)
        let shape = try GridShape(frames: 2, rows: tower.rows, columns: tower.columns, channels: 20)
        let inSharedSpace = try TokenGrid(shape: shape, values: TensorBuffer(shared), frameTimes: [0, 1])
        #expect(try TextQuery("red, no dog", folder: folder, tower: projected).relevance(of: inSharedSpace) == expected)

        let words = try TextQuery("red, no dog", folder: folder)
        let small = try GridShape(frames: 2, rows: tower.rows, columns: tower.columns, channels: 3)
        let elsewhere = try TokenGrid(
            shape: small, values: TensorBuffer([Float](repeating: 1, count: small.elementCount)), frameTimes: [0, 1],
            patchEmbeddings: TensorBuffer(shared))
        #expect(try words.relevance(of: elsewhere) == expected)
        #expect(words.model.hasPrefix("clip "))

        let bare = #expect(throws: TokenReelError.self) { try words.relevance(of: inSharedSpace) }
        #expect(bare?.code == .missingSignal && bare?.remedy?.contains("--query-model") == true)
        let other = try TokenGrid(
            shape: small, values: elsewhere.values, frameTimes: [0, 1], patchEmbeddings: elsewhere.values)
        let width = #expect(throws: TokenReelError.self) { try words.relevance(of: other) }
        #expect(width?.found.contains("of 3 numbers") == true && width?.allowed?.hasPrefix("20") == true)
    }

    @Test func whatCannotBeAskedIsRefused() throws {
        let folder = try checkpoint(in: scratch)
        let tower = try tower(folder, .tower)
        #expect(throws: TokenReelError.self) { try TextQuery(" \n", folder: folder, tower: tower) }
        let query = try TextQuery("car", folder: folder, tower: tower)
        let other = try TokenGrid(
            shape: GridShape(frames: 1, rows: 1, columns: 1, channels: 3), values: TensorBuffer([1, 2, 3]),
            frameTimes: [0])
        #expect(throws: TokenReelError.self) { try query.relevance(of: other) }

        let llava = try CheckpointFolder(TinyCheckpoints.path("llava-onevision-f16"))
        let error = #expect(throws: TokenReelError.self) { try TextQuery("car", folder: llava) }
        #expect(error?.code == .unsupportedInput && error?.remedy?.contains("--query-model") == true)
        let foreign = try VisionTower(llava)
        #expect(throws: TokenReelError.self) { try TextQuery("car", folder: folder, tower: foreign) }
        let bare = try CheckpointFolder(TinyCheckpoints.path("clip"))
        #expect(throws: TokenReelError.self) { try TextQuery("car", folder: bare) }
    }
}
