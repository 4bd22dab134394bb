import Foundation
import Safetensors
import TensorOps
import TestSupport
import Testing
import TokenCore
import VisionEncoding

private let tolerance: Float = 1e-5

@Suite struct QwenTowerTests {
    static let names = ["qwen2.5-vl-bf16", "qwen3-vl-bf16"]

    /// Frames, height and width in patches of the cases that `scripts/make-qwen-fixtures.py` computed.
    static let cases = [(frames: 3, rows: 6, columns: 10), (2, 4, 4), (5, 2, 12)]
    private static let patchSide = 4
    /// Every case of every checkpoint; the mixture of experts, whose tower is Qwen3-VL's, has some.
    private static let references =
        names.flatMap { name in cases.indices.map { (name, $0) } } + [
            ("qwen3-vl-moe-bf16", 1), ("qwen3-vl-moe-bf16", 2),
        ]

    private func tower(
        _ name: String, case index: Int = 0, _ change: (inout VisionTowerOptions) -> Void = { _ in }
    ) throws -> (tower: QwenTower, expected: Case) {
        let fixture = try TowerFixture(name)
        var options = VisionTowerOptions()
        (options.leastPixels, options.mostPixels) = (1, 1 << 20)
        change(&options)
        let (frames, rows, columns) = Self.cases[index]
        let outline = VideoOutline(
            width: columns * Self.patchSide, height: rows * Self.patchSide, frames: frames)
        let tower = try #require(try QwenTower(try fixture.folder, options: options).fitted(to: outline) as? QwenTower)
        return (tower, Case(file: fixture.expected, index: index))
    }

    /// One video's part of the expected tensors, group by group.
    struct Case {
        let file: SafetensorsFile
        let index: Int

        /// Pairs of frames, the last one repeated where they are odd.
        var groups: [[[Float]]] {
            get throws {
                let count = try file.entry("\(index).pixels").shape[0]
                let pixels = try file.floats("\(index).pixels").array
                let frames = (0..<count).map {
                    Array(pixels[$0 * pixels.count / count..<($0 + 1) * pixels.count / count])
                }
                return stride(from: 0, to: count, by: 2).map { [frames[$0], frames[min($0 + 1, count - 1)]] }
            }
        }

        func values(_ tensor: String, group: Int) throws -> [Float] {
            let all = try file.floats("\(index).\(tensor)").array
            let size = all.count / (try groups.count)
            return Array(all[group * size..<(group + 1) * size])
        }

        func has(_ tensor: String) -> Bool { file.tensors["\(index).\(tensor)"] != nil }
    }

    @Test(arguments: references) func everyHiddenStateIsTheReferences(_ name: String, _ index: Int) throws {
        let (tower, expected) = try tower(name, case: index)
        for (group, frames) in try expected.groups.enumerated() {
            let states = tower.hiddenStates(of: frames)
            #expect(states.count == 5)
            for (layer, state) in states.enumerated() {
                let reference = try expected.values("hidden.\(layer)", group: group)
                #expect(deviation(state, reference) < tolerance, "hidden state \(layer) of group \(group)")
            }
        }
    }

    @Test(arguments: references) func tokensAndStreamsAreTheReferences(_ name: String, _ index: Int) throws {
        let (tower, expected) = try tower(name, case: index)
        let (_, rows, columns) = Self.cases[index]
        #expect(tower.rows == rows / 2 && tower.columns == columns / 2 && tower.channels == 24)
        for (group, frames) in try expected.groups.enumerated() {
            let found = tower.encode(pixels: frames, signals: [])
            #expect(deviation(found.tokens, try expected.values("tokens", group: group)) < tolerance)
            #expect(found.deepstack.count == (name.hasPrefix("qwen3") ? 3 : 0))
            for (stream, vectors) in found.deepstack.enumerated() {
                let reference = try expected.values("deepstack.\(stream)", group: group)
                #expect(deviation(vectors, reference) < tolerance, "stream \(stream)")
            }
            #expect(expected.has("deepstack.2") == !found.deepstack.isEmpty)
        }
    }

    /// Where states lie: a patch's row and column, found from the blocks and windows of the model.
    private func places(_ name: String, _ index: Int) -> [(row: Int, column: Int)] {
        let (_, rows, columns) = Self.cases[index]
        let window = name.hasPrefix("qwen2.5") ? 4 : max(rows, columns)
        let all = (0..<rows).flatMap { row in (0..<columns).map { (row: row, column: $0) } }
        // Window by window, in it block by block, in it row by row.
        func key(_ place: (row: Int, column: Int)) -> [Int] {
            [
                place.row / window, place.column / window, place.row / 2, place.column / 2, place.row, place.column,
            ]
        }
        return all.sorted { key($0).lexicographicallyPrecedes(key($1)) }
    }

    @Test(arguments: names, [-1, 0]) func signalsAreMeansOverBlocks(_ name: String, _ layer: Int) throws {
        let (tower, expected) = try tower(name) { $0.saliencyLayer = layer }
        #expect(tower.signals == [.saliency, .objectSaliency, .valueNorms])
        let found = tower.encode(pixels: try expected.groups[1], signals: Set(Signal.allCases))
        let places = places(name, 0)
        func onTokens(_ tensor: String) throws -> [Float] {
            var means = [Float](repeating: 0, count: 15)
            for (place, value) in zip(places, try expected.values(tensor, group: 1)) {
                means[place.row / 2 * 5 + place.column / 2] += value / 4
            }
            return means
        }
        let last = layer < 0 ? 3 : layer
        #expect(deviation(try #require(found.saliency), try onTokens("received.\(last)")) < tolerance)
        // Three eighths of four layers.
        #expect(deviation(try #require(found.maps[.objectSaliency]?.first), try onTokens("received.1")) < tolerance)
        let norms = try #require(found.maps[.valueNorms])
        #expect(norms.count == 4 && found.maps.count == 2)
        for (layer, map) in norms.enumerated() {
            #expect(deviation(map, try onTokens("value_norms.\(layer)")) < tolerance)
        }
    }

    @Test(arguments: names) func towerTokensAreTheLastStatesRowByRow(_ name: String) throws {
        let (tower, expected) = try tower(name) { $0.space = .tower }
        #expect(tower.rows == 6 && tower.columns == 10)
        let found = tower.encode(pixels: try expected.groups[0], signals: [.saliency])
        let (states, received) = (
            try expected.values("hidden.4", group: 0), try expected.values("received.3", group: 0)
        )
        let width = tower.channels
        var tokens = [Float](repeating: 0, count: states.count)
        var saliency = [Float](repeating: 0, count: 60)
        for (state, place) in places(name, 0).enumerated() {
            let index = place.row * 10 + place.column
            tokens.replaceSubrange(
                index * width..<(index + 1) * width, with: states[state * width..<(state + 1) * width])
            saliency[index] = received[state]
        }
        #expect(deviation(found.tokens, tokens) < tolerance)
        #expect(deviation(try #require(found.saliency), saliency) < tolerance)
    }

    @Test func lowerLayersCanBeReadWithoutStreams() throws {
        let (tower, expected) = try tower("qwen3-vl-bf16") {
            $0.layer = -2
            $0.space = .tower
        }
        let (whole, _) = try self.tower("qwen3-vl-bf16") { $0.layer = 3 }
        let frames = try expected.groups[0]
        let states = tower.hiddenStates(of: frames)
        #expect(states.count == 4)
        #expect(deviation(states[3], try expected.values("hidden.3", group: 0)) < tolerance)
        #expect(whole.encode(pixels: frames, signals: []).deepstack.isEmpty)
    }

    // MARK: From pictures

    /// The picture of `scripts/make-qwen-fixtures.py`.
    private func picture(_ width: Int, _ height: Int, shift: Int, at seconds: Int64) throws -> VideoFrame {
        var pixels: [UInt8] = []
        for y in 0..<height {
            for x in shift..<width + shift {
                for c in 0..<3 {
                    let value = x * x / 7 + y * 3 + c * 50 + ((x / 9 + y / 5) & 1) * 120 + x * y % 31
                    pixels.append(UInt8(truncatingIfNeeded: value))
                }
            }
        }
        let time = MediaTime(ticks: seconds, timeBase: try #require(Rational(1, 1)))
        return VideoFrame(width: width, height: height, pixels: pixels, pts: time)
    }

    @Test(arguments: names) func picturesBecomeTheProcessorsTokens(_ name: String) throws {
        let fixture = try TowerFixture(name)
        let tower = try QwenTower(try fixture.folder)
        // Torchvision rounds its weights and may be a level off where it resizes.
        for (label, width, height, tolerance) in [("exact", 40, 24, tolerance), ("resized", 130, 57, 0.03)] {
            let frames = try zip([0, 3, 11], [5, 7, 9]).map { shift, time in
                try picture(width, height, shift: shift, at: Int64(time))
            }
            let fitted = try tower.fitted(to: VideoOutline(width: width, height: height, frames: 3))
            let grid = try fixture.expected.integers("\(label).grid")
            #expect([2 * fitted.rows, 2 * fitted.columns] == [grid[1], grid[2]] && grid[0] == 2)
            let groups = [Array(frames[..<2]), Array(frames[2...])]
            let tokens = try groups.flatMap { try fitted.encode($0, signals: [], workers: 1).tokens }
            #expect(deviation(tokens, try fixture.expected.floats("\(label).tokens").array) < tolerance, "\(label)")
            #expect(groups.map(fitted.seconds) == (name.hasPrefix("qwen3") ? [6, 9] : [5, 9]))
        }
        #expect(throws: TokenReelError.self) { try tower.encode([VideoFrame](), signals: [], workers: 1) }
        let frame = try picture(40, 24, shift: 0, at: 0)
        #expect(throws: TokenReelError.self) { try tower.encode([frame, frame, frame], signals: [], workers: 1) }
        #expect(try tower.query(from: frame).channels == 24)
    }

    @Test func factsSayWhatPositionsNeed() throws {
        let tower = try QwenTower(try TowerFixture("qwen2.5-vl-bf16").folder)
        #expect(
            tower.facts == [
                "space": "projected", "family": "qwen2.5-vl", "patch_size": "4", "spatial_merge_size": "2",
                "temporal_patch_size": "2", "tokens_per_second": "2",
            ])
        let fitted = try tower.fitted(
            to: VideoOutline(
                width: 40, height: 24, frames: 3, frameRate: 30, sampledRate: 1.5, frameIndices: [0, 20, 40])
        )
        let grid = try GridShape(frames: 2, rows: fitted.rows, columns: fitted.columns, channels: fitted.channels)
        #expect(
            fitted.facts(of: grid) == [
                "grid_thw": "2,6,10", "fps": "1.5", "video_fps": "30.0", "frame_indices": "0,20,40",
            ])
        let mixture = try QwenTower(try TowerFixture("qwen3-vl-moe-bf16").folder)
        #expect(mixture.facts["family"] == "qwen3-vl" && mixture.name.hasPrefix("qwen3_vl_moe "))
        let third = try QwenTower(try TowerFixture("qwen3-vl-bf16").folder)
        #expect(third.facts["family"] == "qwen3-vl" && third.facts["tokens_per_second"] == nil)
        #expect(throws: TokenReelError.self) { try third.fitted(to: VideoOutline(width: 40, height: 24)) }
        let (boundless, _) = try self.tower("qwen2.5-vl-bf16") { $0.mostPixels = 1 << 40 }
        let error = #expect(throws: TokenReelError.self) {
            try boundless.fitted(to: VideoOutline(width: 8192, height: 4320, frames: 2))
        }
        #expect(error?.code == .limitExceeded)
    }

    // MARK: Refusals

    @Test(arguments: names) func whatACheckpointLacksIsRefused(_ name: String) throws {
        func refusal(_ change: (inout VisionTowerOptions) -> Void) -> TokenReelError? {
            #expect(throws: TokenReelError.self) { try tower(name, change) }
        }
        #expect(refusal { $0.space = .pooled }?.found.contains("pooled") == true)
        #expect(refusal { $0.saliency = .classToken }?.found.contains("class") == true)
        #expect(refusal { $0.saliency = .probe }?.found.contains("probe") == true)
        #expect(refusal { $0.layer = 5 }?.code == .invalidArgument)
        #expect(refusal { $0.leastPixels = 1 << 21 }?.subject == "pixel budget")
        #expect(refusal { $0.saliencyLayer = 4 }?.code == .invalidArgument)
        #expect(throws: TokenReelError.self) { try QwenTower(try TowerFixture("clip").folder) }
        #expect(throws: TokenReelError.self) { try VisionTower(try TowerFixture(name).folder) }
    }

    @Test(arguments: [
        (0, "\"patch_size\": 4", "\"patch_size\": 0", "patch_size"),
        (0, "\"num_heads\": 2", "\"num_heads\": 3", "num_heads"),
        (0, "\"window_size\": 16", "\"window_size\": 7", "window_size"),
        (0, "\"depth\": 4", "\"depth\": 3", "fullatt_block_indexes"),
        (0, "\"hidden_size\": 32", "\"hidden_size\": 64", "shape"),
        (1, "\"depth\": 4", "\"depth\": 2", "deepstack_visual_indexes"),
        (1, "\"num_position_embeddings\": 49", "\"num_position_embeddings\": 48", "num_position_embeddings"),
        (1, "\"out_hidden_size\": 24", "\"out_hidden_size\": 25", "shape"),
    ]) func brokenConfigurationsAreTypedErrors(_ name: Int, _ old: String, _ new: String, _ word: String) throws {
        let folder = try TowerFixture(Self.names[name]).copy()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "config.json")
        var text = try String(contentsOf: file, encoding: .utf8)
        // The tower's object comes after the language model's, and shares names with it.
        let start = try #require(text.range(of: "\"vision_config\""))
        let range = try #require(text.range(of: old, range: start.lowerBound..<text.endIndex))
        text.replaceSubrange(range, with: new)
        try text.write(to: file, atomically: true, encoding: .utf8)
        let error = #expect(throws: TokenReelError.self) { try QwenTower(try CheckpointFolder(folder.path)) }
        #expect(error?.found.contains(word) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: names) func bf16StaysCloseToF32(_ name: String) throws {
        let (exact, expected) = try tower(name)
        let (rounded, _) = try tower(name) { $0.precision = .bf16 }
        guard PackedMatrix.canRound else {
            #expect(rounded.precision == .f32 && rounded.notices.count == 1 && rounded.name == exact.name)
            return
        }
        #expect(rounded.precision == .bf16 && rounded.notices.isEmpty && rounded.name != exact.name)
        let frames = try expected.groups[0]
        let (a, b) = (exact.encode(pixels: frames, signals: []), rounded.encode(pixels: frames, signals: []))
        let apart = deviation(b.tokens, a.tokens)
        #expect(apart < 0.05 && apart > 0)
        for (one, other) in zip(a.deepstack, b.deepstack) { #expect(deviation(other, one) < 0.05) }
    }

    /// 1,024 patches: several blocks of rows, and windows that the edge cuts.
    @Test(arguments: names, [Precision.f32, .bf16]) func threadsWithinAGroupNeverChangeAByte(
        _ name: String, _ precision: Precision
    ) throws {
        let (tower, _) = try tower(name) {
            $0.precision = precision
            $0.saliency = .received
        }
        let fitted = try tower.fitted(to: VideoOutline(width: 131, height: 120, frames: 2))
        var noise: UInt64 = 9
        let group = try (0..<2).map { _ in
            VideoFrame(
                width: 131, height: 120,
                pixels: (0..<131 * 120 * 3).map { _ in
                    noise = noise &* 6_364_136_223_846_793_005 &+ 1
                    return UInt8(noise >> 56)
                }, pts: MediaTime(ticks: 0, timeBase: try #require(Rational(1, 1))))
        }
        let alone = try fitted.encode(group, signals: fitted.signals, workers: 1)
        #expect(alone.tokens.count > 128 * fitted.channels && alone.tokens.allSatisfy { $0.isFinite })
        for workers in [2, 3, 16] {
            let together = try fitted.encode(group, signals: fitted.signals, workers: workers)
            let isSame = together.numbers == alone.numbers
            #expect(isSame, "\(workers) threads")
        }
    }
}
