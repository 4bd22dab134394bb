import Foundation
import Safetensors
import TensorOps
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
        #expect(deviation(try tower.result(of: try fixture.pixels(frame: 1)).tokens, expected) < tolerance)
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

    @Test(arguments: zip(names, [-1, 0, 1, -1, -1])) func signalsOfAttentionAreTheReferences(
        _ name: String, _ layer: Int
    ) throws {
        let (tower, fixture) = try tower(name) {
            $0.saliencyLayer = layer
            $0.space = .tower
        }
        let found = try tower.result(of: try fixture.pixels(frame: 0), Set(Signal.allCases))
        let classTokens = name.hasPrefix("clip") ? 1 : 0
        let layers = fixture.expected.tensors.keys.count { $0.hasPrefix("hidden.") } - 1
        func compare(_ found: [Float]?, _ tensor: String, _ layer: Int) throws {
            let expected = try fixture.values("\(tensor).\(layer < 0 ? layers + layer : layer)")
            #expect(deviation(try #require(found), Array(expected.dropFirst(classTokens))) < tolerance, "\(tensor)")
        }
        try compare(found.saliency, "received", layer)
        // Three eighths of two or three layers.
        #expect(found.maps[.objectSaliency]?.count == 1)
        try compare(found.maps[.objectSaliency]?.first, "received", 0)
        for (signal, tensor) in [
            (Signal.classAttention, "class_attention"), (.semanticAttention, "semantic_attention"),
            (.valueNorms, "value_norms"),
        ] {
            guard classTokens == 1 || signal == .valueNorms else {
                #expect(found.maps[signal] == nil)
                continue
            }
            let maps = try #require(found.maps[signal])
            #expect(maps.count == layers)
            for (layer, map) in maps.enumerated() { try compare(map, tensor, layer) }
        }
        #expect(found.maps[.pixelChange] == nil)
    }

    @Test func onlyTheLastLayersAreTold() throws {
        let (all, fixture) = try tower("clip")
        let (last, _) = try tower("clip") { $0.signalLayers = 2 }
        let pixels = try fixture.pixels(frame: 1)
        let signals: Set<Signal> = [.classAttention, .valueNorms]
        let maps = try all.result(of: pixels, signals).maps
        let lastMaps = try last.result(of: pixels, signals).maps
        #expect(lastMaps.count == 2)
        for signal in signals { #expect(lastMaps[signal] == maps[signal]?.suffix(2)) }
        #expect(try all.result(of: pixels).maps.isEmpty)
        #expect(throws: TokenReelError.self) { try tower("clip") { $0.signalLayers = 0 } }
    }

    @Test func signalsArePooledWithTheTokens() throws {
        let (tower, fixture) = try tower("llava-onevision-f16")
        let found = try tower.result(of: try fixture.pixels(frame: 0), tower.signals)
        let expected = try fixture.values("received_pooled")
        #expect(deviation(try #require(found.saliency), expected) < tolerance)
        #expect(found.maps.values.allSatisfy { $0.allSatisfy { $0.count == 9 } } && found.maps.count == 2)
    }

    @Test func towersTellWhatTheyHave() throws {
        let attention: Set<Signal> = [.saliency, .objectSaliency, .valueNorms]
        let ofClass: Set<Signal> = [.classAttention, .semanticAttention]
        let ofBoth: Set<Signal> = [.frameFeatures, .patchEmbeddings]
        #expect(try tower("clip").0.signals == attention.union(ofClass).union(ofBoth))
        #expect(try tower("clip-vision-bf16").0.signals == attention.union(ofClass).union([.frameFeatures]))
        #expect(try tower("siglip").0.signals == attention.union(ofBoth))
        #expect(try tower("llava-onevision-f16").0.signals == attention)
        #expect(try tower("siglip") { $0.layer = -2 }.0.signals == attention.union([.patchEmbeddings]))
        let input = try tower("siglip") {
            $0.layer = 0
            $0.saliency = .none
        }.0
        #expect(input.signals == [.patchEmbeddings])
    }

    @Test(arguments: ["clip", "siglip"]) func patchEmbeddingsAreTheReferencesInAnySpace(_ name: String) throws {
        for space in [FeatureSpace.tower, .projected] {
            let (tower, fixture) = try tower(name) { $0.space = space }
            let found = try tower.result(of: try fixture.pixels(frame: 1), [.patchEmbeddings])
            let expected = try fixture.values("shared", frame: 1)
            #expect(deviation(try #require(found.patchEmbeddings), expected) < tolerance, "\(space)")
        }
    }

    @Test func frameFeaturesAreTheReferences() throws {
        for (name, tensor) in [
            ("clip", "image_embeddings"), ("clip-vision-bf16", "pooler_output"), ("siglip", "pooler_output"),
            ("siglip-vision-f16", "pooler_output"),
        ] {
            let (tower, fixture) = try tower(name)
            let feature = try tower.result(of: try fixture.pixels(frame: 0), [.frameFeatures]).frameFeature
            #expect(deviation(try #require(feature), try fixture.values(tensor)) < tolerance, "\(name)")
        }
    }

    @Test func towerTokensCanBeBroughtIntoTheSharedSpaceLater() throws {
        for name in ["clip", "siglip"] {
            let (tower, fixture) = try tower(name) { $0.space = .tower }
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
            (SaliencySource.received, "clip", "received.2"), (.classToken, "clip", "class_attention.2"),
            (.probe, "siglip", "probe_attention"),
        ] {
            let (tower, fixture) = try tower(name) { $0.saliency = source }
            let saliency = try tower.result(of: try fixture.pixels(frame: 0), [.saliency]).saliency
            let expected = try fixture.values(tensor)
            #expect(
                deviation(try #require(saliency), Array(expected.dropFirst(name == "clip" ? 1 : 0))) < tolerance,
                "\(source)")
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

    @Test(arguments: names) func bf16StaysCloseToF32(_ name: String) throws {
        let (exact, fixture) = try tower(name)
        let (rounded, _) = try tower(name) { $0.precision = .bf16 }
        guard PackedMatrix.canRound else {
            #expect(rounded.precision == .f32 && rounded.notices.count == 1 && rounded.name == exact.name)
            return
        }
        #expect(rounded.precision == .bf16 && rounded.notices.isEmpty && rounded.name != exact.name)
        let pixels = try fixture.pixels(frame: 0)
        let a = try exact.result(of: pixels, [.saliency])
        let b = try rounded.result(of: pixels, [.saliency])
        for start in stride(from: 0, to: a.tokens.count, by: exact.channels) {
            let (x, y) = (a.tokens[start..<start + exact.channels], b.tokens[start..<start + exact.channels])
            func dot(_ p: ArraySlice<Float>, _ q: ArraySlice<Float>) -> Float {
                zip(p, q).reduce(0) { $0 + $1.0 * $1.1 }
            }
            #expect(dot(x, y) / (dot(x, x) * dot(y, y)).squareRoot() > 0.995)
        }
        let isRounded = a.tokens != b.tokens
        #expect(isRounded)
        #expect(deviation(try #require(b.saliency), try #require(a.saliency)) < 0.05)
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
        let encoded = try tower.encode(frame, signals: [.saliency])
        let pixels = try ImagePreprocessor(folder: fixture.path).pixels(of: frame)
        let isSame = try tower.result(of: pixels).tokens == encoded.tokens
        #expect(isSame)
        #expect(encoded.saliency?.count == tower.rows * tower.columns)
        #expect(encoded.saliency?.allSatisfy { 0...1 ~= $0 } == true)
        #expect(throws: TokenReelError.self) { try tower.encode(self.frame(width: 0, height: 5), signals: []) }
    }

    @Test func picturesAreWhatThePatchesAreCutFrom() throws {
        // Five patches of 8 pixels cover 40 of 44.
        let (tower, fixture) = try tower("siglip")
        let frame = frame(width: 61, height: 43)
        let picture = try tower.picture(of: frame)
        let resized = try ImagePreprocessor(folder: fixture.path).resized(frame)
        #expect(picture.width == 40 && picture.height == 40 && resized.width == 44)
        for line in 0..<40 {
            let isSame =
                picture.pixels[120 * line..<120 * (line + 1)].elementsEqual(
                    resized.pixels[132 * line..<132 * line + 120])
            #expect(isSame)
        }
    }

    @Test(arguments: names) func threadsWithinAFrameNeverChangeAByte(_ name: String) throws {
        let (tower, _) = try tower(name) { $0.saliency = .received }
        let frame = frame(width: 61, height: 43)
        let alone = try tower.encode([frame], signals: tower.signals, workers: 1)
        for workers in [2, 5] {
            let together = try tower.encode([frame], signals: tower.signals, workers: workers)
            let isSame = together.numbers == alone.numbers
            #expect(isSame, "\(workers) threads")
        }
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

extension EncodedFrame {
    /// All there is, in one list.
    var numbers: [[Float]] {
        let signals = [saliency, frameFeature, patchEmbeddings].compactMap { $0 }
        let maps = maps.sorted { $0.key.rawValue < $1.key.rawValue }.flatMap(\.value)
        return [tokens] + deepstack + signals + maps
    }
}
