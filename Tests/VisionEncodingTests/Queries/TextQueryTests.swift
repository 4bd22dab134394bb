import Foundation
import Testing
import TokenCore
import VisionEncoding

@Suite struct TextQueryTests {
    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/towers")

    /// The tiny CLIP checkpoint with a tokenizer of single letters, which has the vocabulary that its text tower has.
    private func clip() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "text-query-\(UUID().uuidString)")
        try FileManager.default.copyItem(at: Self.fixtures.appending(path: "clip"), to: folder)
        var vocabulary: [String: Int] = [:]
        for letter in "abcdefghijklmnopqrstuvwxyz" {
            vocabulary["\(letter)"] = vocabulary.count
            vocabulary["\(letter)</w>"] = vocabulary.count
        }
        while vocabulary.count < 97 { vocabulary["unused\(vocabulary.count)"] = vocabulary.count }
        vocabulary["<|startoftext|>"] = 97
        vocabulary["<|endoftext|>"] = 98
        try JSONSerialization.data(withJSONObject: vocabulary).write(to: folder.appending(path: "vocab.json"))
        try Data("#version: 0.2\n".utf8).write(to: folder.appending(path: "merges.txt"))
        return folder
    }

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

    @Test func relevanceFollowsItsDefinition() throws {
        let path = try clip()
        defer { try? FileManager.default.removeItem(at: path) }
        let folder = try CheckpointFolder(path.path)
        let tower = try VisionTower(folder)
        let grid = try grid(tower, frames: 3)
        let query = try TextQuery("a red car, no dog", tower: tower, folder: folder)
        #expect(query.phrases == QueryPhrases("a red car, no dog"))
        let relevance = try query.relevance(of: grid, workers: 2)

        let text = try TextTower(folder)
        let tokenizer = try loadTokenizer(folder: path.path, contextLength: text.contextLength)
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

    @Test func whatCannotBeAskedIsRefused() throws {
        let path = try clip()
        defer { try? FileManager.default.removeItem(at: path) }
        let folder = try CheckpointFolder(path.path)
        let tower = try VisionTower(folder)
        #expect(throws: TokenReelError.self) { try TextQuery(" \n", tower: tower, folder: folder) }
        var options = VisionTowerOptions()
        options.space = .projected
        let projected = try VisionTower(folder, options: options)
        #expect(throws: TokenReelError.self) { try TextQuery("car", tower: projected, folder: folder) }
        let query = try TextQuery("car", tower: tower, folder: folder)
        let other = try TokenGrid(
            shape: GridShape(frames: 1, rows: 1, columns: 1, channels: 3), values: TensorBuffer([1, 2, 3]),
            frameTimes: [0])
        #expect(throws: TokenReelError.self) { try query.relevance(of: other) }

        let llava = try CheckpointFolder(Self.fixtures.appending(path: "llava-onevision-f16").path)
        let error = #expect(throws: TokenReelError.self) {
            try TextQuery("car", tower: try VisionTower(llava), folder: llava)
        }
        #expect(error?.code == .unsupportedInput && error?.remedy?.contains("--query-image") == true)
        let bare = try CheckpointFolder(Self.fixtures.appending(path: "clip").path)
        #expect(throws: TokenReelError.self) { try TextQuery("car", tower: try VisionTower(bare), folder: bare) }
    }
}
