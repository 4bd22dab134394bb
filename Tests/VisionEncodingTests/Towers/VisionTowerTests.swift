import Foundation
import Safetensors
import TestSupport
import Testing
import TokenCore
import VisionEncoding

private let tolerance: Float = 1e-5

@Suite struct VisionTowerTests {
    static let names = ["clip", "clip-vision-bf16", "siglip", "siglip-vision-f16", "llava-onevision-f16"]

    private func tower(
        _ name: String, _ change: (inout VisionTowerOptions) -> Void = { _ in }
    ) throws -> (VisionTower, TowerFixture) {
        let fixture = try TowerFixture(name)
        var options = VisionTowerOptions()
        change(&options)
        return (try VisionTower(try fixture.folder, options: options), fixture)
    }

    @Test(arguments: names) func everyHiddenStateIsTheReferences(_ name: String) throws {
        let (tower, fixture) = try tower(name)
        for frame in 0..<(try fixture.frames) {
            let states = tower.hiddenStates(of: try fixture.pixels(frame: frame))
            #expect(states.count == fixture.expected.tensors.keys.count { $0.hasPrefix("hidden.") })
            for (index, state) in states.enumerated() {
                let expected = try fixture.values("hidden.\(index)", frame: frame)
                #expect(deviation(state, expected) < tolerance, "hidden state \(index) of frame \(frame)")
            }
        }
    }

    @Test(arguments: names) func towerTokensAreTheLastHiddenState(_ name: String) throws {
        let (tower, fixture) = try tower(name) { $0.space = .tower }
        let state = name.hasPrefix("llava") ? "hidden.3" : "last_hidden_state"
        let expected = try fixture.values(state)
        let classToken = name.hasPrefix("clip") ? tower.channels : 0
        let found = try tower.result(of: try fixture.pixels(frame: 0)).tokens
        #expect(deviation(found, Array(expected.dropFirst(classToken))) < tolerance)
    }

    @Test(arguments: [-4, -2, 0, 1, 3]) func anyHiddenStateCanBeRead(_ layer: Int) throws {
        let (tower, fixture) = try tower("siglip") {
            $0.layer = layer
            $0.saliency = .none
        }
        let expected = try fixture.values("hidden.\(layer < 0 ? 4 + layer : layer)", frame: 1)
        var tokens = [Float](repeating: .nan, count: expected.count)
        let pixels = try fixture.pixels(frame: 1)
        try pixels.withUnsafeBufferPointer { pixels in
            try tokens.withUnsafeMutableBufferPointer {
                try tower.encode(pixels: pixels, tokens: $0, saliency: UnsafeMutableBufferPointer(start: nil, count: 0))
            }
        }
        #expect(deviation(tokens, expected) < tolerance)
    }

    @Test func projectedTokensAreTheReferences() throws {
        for (name, tensor) in [
            ("clip", "shared"), ("siglip", "shared"), ("siglip-vision-f16", "shared"),
            ("llava-onevision-f16", "projected"),
        ] {
            let (tower, fixture) = try tower(name) { $0.space = .projected }
            let found = try tower.result(of: try fixture.pixels(frame: 0)).tokens
            #expect(deviation(found, try fixture.values(tensor)) < tolerance, "\(name)")
        }
    }

    @Test func llavaTokensArePooledAndEndWithANewline() throws {
        let (tower, fixture) = try tower("llava-onevision-f16")
        #expect(tower.space == .pooled && tower.rows == 3 && tower.columns == 3 && tower.channels == 20)
        for frame in 0..<2 {
            let found = try tower.result(of: try fixture.pixels(frame: frame)).tokens
            #expect(deviation(found, try fixture.values("pooled", frame: frame)) < tolerance)
        }
        #expect(try tower.newline == fixture.expected.floats("image_newline").array)
    }

    @Test(arguments: zip(names, [-1, 0, 1, -1, -1])) func attentionStatisticsAreTheReferences(
        _ name: String, _ layer: Int
    ) throws {
        let (tower, fixture) = try tower(name) { $0.saliencyLayer = layer }
        let signals = try tower.result(of: try fixture.pixels(frame: 0)).signals
        let classTokens = name.hasPrefix("clip") ? 1 : 0
        func compare(_ found: [Float]?, _ tensor: String) throws {
            let expected = try fixture.values(tensor)
            let width = expected.count / (tower.patchesPerSide * tower.patchesPerSide + classTokens)
            let patches = Array(expected.dropFirst(classTokens * width))
            #expect(deviation(try #require(found), patches) < tolerance, "\(tensor)")
        }
        try compare(signals.receivedAttention, "received")
        try compare(signals.keyMeans, "key_means")
        try compare(signals.valueNorms, "value_norms")
        if classTokens == 1 {
            try compare(signals.classAttention, "class_attention")
        } else {
            #expect(signals.classAttention == nil)
        }
    }

    @Test func frameFeaturesAreTheReferences() throws {
        for (name, tensor) in [
            ("clip", "image_embeddings"), ("clip-vision-bf16", "pooler_output"), ("siglip", "pooler_output"),
            ("siglip-vision-f16", "pooler_output"),
        ] {
            let (tower, fixture) = try tower(name)
            let signals = try tower.result(of: try fixture.pixels(frame: 0)).signals
            #expect(deviation(try #require(signals.frameFeature), try fixture.values(tensor)) < tolerance, "\(name)")
            guard name.hasPrefix("siglip") else { continue }
            let probe = try #require(signals.probeAttention)
            #expect(deviation(probe, try fixture.values("probe_attention")) < tolerance)
        }
        let (tower, fixture) = try tower("llava-onevision-f16")
        #expect(try tower.result(of: try fixture.pixels(frame: 0)).signals.frameFeature == nil)
    }

    @Test func towerTokensCanBeBroughtIntoTheSharedSpaceLater() throws {
        for name in ["clip", "siglip"] {
            let (tower, fixture) = try tower(name)
            let tokens = try tower.result(of: try fixture.pixels(frame: 1)).tokens
            let shared = try tokens.withUnsafeBufferPointer { try tower.sharedVectors(of: $0) }
            #expect(deviation(shared, try fixture.values("shared", frame: 1)) < tolerance, "\(name)")
            // Several frames at once give what each gives alone.
            let twice = try (tokens + tokens).withUnsafeBufferPointer { try tower.sharedVectors(of: $0) }
            let isSame = twice == shared + shared
            #expect(isSame, "\(name)")
        }
    }

    @Test func saliencyFollowsItsSource() throws {
        for (source, name, tensor) in [
            (SaliencySource.received, "clip", "received"), (.classToken, "clip", "class_attention"),
            (.probe, "siglip", "probe_attention"),
        ] {
            let (tower, fixture) = try tower(name) { $0.saliency = source }
            let pixels = try fixture.pixels(frame: 0)
            var tokens = [Float](repeating: .nan, count: tower.rows * tower.columns * tower.channels)
            var saliency = [Float](repeating: .nan, count: tower.rows * tower.columns)
            try pixels.withUnsafeBufferPointer { pixels in
                try tokens.withUnsafeMutableBufferPointer { tokens in
                    try saliency.withUnsafeMutableBufferPointer {
                        try tower.encode(pixels: pixels, tokens: tokens, saliency: $0)
                    }
                }
            }
            let expected = try fixture.values(tensor)
            #expect(deviation(saliency, Array(expected.dropFirst(name == "clip" ? 1 : 0))) < tolerance, "\(source)")
        }
    }

    @Test func whatACheckpointLacksIsRefused() {
        func refusal(_ name: String, _ change: (inout VisionTowerOptions) -> Void) -> TokenReelError? {
            #expect(throws: TokenReelError.self) { try tower(name, change) }
        }
        #expect(refusal("siglip") { $0.space = .pooled }?.found.contains("pooled") == true)
        #expect(refusal("clip-vision-bf16") { $0.space = .projected }?.found.contains("projected") == true)
        #expect(refusal("siglip") { $0.saliency = .classToken }?.found.contains("class") == true)
        #expect(refusal("clip") { $0.saliency = .probe }?.found.contains("probe") == true)
        #expect(
            refusal("siglip") {
                $0.saliency = .probe
                $0.layer = -2
            }?.found.contains("probe") == true)
        #expect(refusal("siglip") { $0.layer = 4 }?.code == .invalidArgument)
        #expect(refusal("siglip") { $0.layer = -5 }?.code == .invalidArgument)
        #expect(refusal("siglip") { $0.saliencyLayer = 3 }?.code == .invalidArgument)
        #expect(refusal("siglip") { $0.layer = 0 }?.subject == "saliency layer")
    }

    @Test func namesTellTowersApartAndNothingElse() throws {
        let folder = try TowerFixture("siglip").folder
        let name = try VisionTower(folder).name
        _ = try TextTower(folder)
        #expect(try VisionTower(folder).name == name, "what else was read from the folder does not matter")
        #expect(try tower("siglip") { $0.layer = -2 }.0.name != name)
        #expect(try tower("siglip") { $0.space = .projected }.0.name != name)
        #expect(try tower("siglip") { $0.saliency = .probe }.0.name != name)
        let copy = try TowerFixture("siglip").copy()
        defer { try? FileManager.default.removeItem(at: copy) }
        #expect(try VisionTower(try CheckpointFolder(copy.path)).name == name)
        let settings = copy.appending(path: "preprocessor_config.json")
        let text = try String(contentsOf: settings, encoding: .utf8)
        try text.replacingOccurrences(of: "\"resample\": 3", with: "\"resample\": 2")
            .write(to: settings, atomically: true, encoding: .utf8)
        #expect(try VisionTower(try CheckpointFolder(copy.path)).name != name)
    }

    // MARK: Frames

    private func frame(width: Int, height: Int) -> VideoFrame {
        let pixels = (0..<width * height * 3).map { UInt8(truncatingIfNeeded: $0 * 37 ^ ($0 >> 5)) }
        return VideoFrame(
            width: width, height: height, pixels: pixels,
            pts: MediaTime(ticks: 0, timeBase: Rational(1, 1) ?? { fatalError("1/1 is a time base") }()))
    }

    @Test(arguments: names) func framesOfAnySizeAreEncodedThroughTheFoldersPreprocessing(_ name: String) throws {
        let (tower, fixture) = try tower(name)
        let frame = frame(width: 61, height: 43)
        var tokens = [Float](repeating: .nan, count: tower.rows * tower.columns * tower.channels)
        var saliency = [Float](repeating: .nan, count: tower.rows * tower.columns)
        try tokens.withUnsafeMutableBufferPointer { tokens in
            try saliency.withUnsafeMutableBufferPointer { try tower.encode(frame, tokens: tokens, saliency: $0) }
        }
        let pixels = try ImagePreprocessor(folder: fixture.path).pixels(of: frame)
        let isSame = try tower.result(of: pixels).tokens == tokens
        #expect(isSame)
        #expect(saliency.allSatisfy { 0...1 ~= $0 })
    }

    @Test func framesOnSeveralThreadsGiveTheSameBytes() async throws {
        let (tower, fixture) = try tower("clip")
        let pixels = try (0..<2).map { try fixture.pixels(frame: $0) }
        let alone = try pixels.map { try tower.result(of: $0).tokens }
        let together = try await withThrowingTaskGroup(of: (Int, [Float]).self) { group in
            for index in 0..<24 {
                group.addTask { (index, try tower.result(of: pixels[index % 2]).tokens) }
            }
            return try await group.reduce(into: [Int: [Float]]()) { $0[$1.0] = $1.1 }
        }
        for index in 0..<24 {
            let isSame = together[index] == alone[index % 2]
            #expect(isSame, "frame \(index)")
        }
    }

    @Test func anExemplarBecomesOneVectorOfTheTokensWidth() throws {
        let (tower, _) = try tower("llava-onevision-f16")
        let query = try tower.query(from: frame(width: 20, height: 50))
        #expect(query.count == 1 && query.channels == tower.channels)
        #expect(throws: TokenReelError.self) { try tower.query(from: frame(width: 0, height: 5)) }
    }
}
