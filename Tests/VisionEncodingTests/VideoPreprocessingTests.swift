import Foundation
import TestSupport
import Testing
import TokenCore
import VisionEncoding

/// What transformers' video processors choose; `scripts/make-qwen-fixtures.py` wrote it.
private struct ProcessorChoices: Decodable {
    let sizes: [Size]
    let frames: [Frames]

    struct Size: Decodable {
        let budget: PixelBudget
        let frames: Int
        let source: (width: Int, height: Int)
        let target: (width: Int, height: Int)

        init(from decoder: any Decoder) throws {
            var row = try decoder.unkeyedContainer()
            let scope = try #require(PixelBudget.Scope(rawValue: try row.decode(String.self)))
            let numbers = try (0..<9).map { _ in try row.decode(Int.self) }
            budget = PixelBudget(
                pixels: numbers[0]...numbers[1], scope: scope, tokenSide: numbers[2],
                cappedTokens: numbers[3] == 0 ? nil : numbers[3])
            frames = numbers[4]
            source = (numbers[5], numbers[6])
            target = (numbers[7], numbers[8])
        }
    }

    struct Frames: Decodable {
        let spread: FrameSpread
        let total: Int
        let rate: Double
        let count: Int
        let sum: Int
        let some: [Int]

        init(from decoder: any Decoder) throws {
            var row = try decoder.unkeyedContainer()
            let placement = try #require(FrameSpread.Placement(rawValue: try row.decode(String.self)))
            total = try row.decode(Int.self)
            rate = try row.decode(Double.self)
            let (asked, frames) = (try row.decode(Double.self), try row.decode(Int.self))
            spread = FrameSpread(
                frames > 0 ? .count(frames) : .rate(asked), bounds: 4...768, multiple: placement == .partStarts ? 2 : 1,
                placement)
            count = try row.decode(Int.self)
            sum = try row.decode(Int.self)
            some = try row.decode([Int].self)
        }
    }

    init() throws {
        let file = SharedFiles.package.appending(path: "Tests/VisionEncodingTests/Fixtures/qwen-videos.json")
        self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: file))
    }
}

@Suite struct VideoPreprocessingTests {
    @Test func sizesAreTheProcessors() throws {
        let choices = try ProcessorChoices().sizes
        #expect(choices.count > 200)
        for choice in choices {
            let found = try choice.budget.size(
                width: choice.source.width, height: choice.source.height, frames: choice.frames)
            #expect(found == choice.target, "\(choice)")
        }
    }

    @Test func framesAreTheProcessors() throws {
        let choices = try ProcessorChoices().frames
        #expect(choices.count > 500)
        for choice in choices {
            let found = choice.spread.indices(of: choice.total, rate: choice.rate)
            let some = stride(from: 0, to: found.count, by: max(1, found.count / 5)).map { found[$0] }
            #expect(
                found.count == choice.count && found.reduce(0, +) == choice.sum && some == choice.some, "\(choice)")
        }
    }

    @Test func spreadsHoldForAnyVideo() {
        for placement in [FrameSpread.Placement.partStarts, .endToEnd] {
            for wanted in [FrameSpread.Wanted.rate(2), .rate(1000), .rate(1e-6), .count(1), .count(5), .count(1 << 40)]
            {
                let spread = FrameSpread(wanted, bounds: 4...768, multiple: 2, placement)
                for total in [0, 1, 2, 3, 5, 1000, 1 << 20] {
                    let indices = spread.indices(of: total, rate: 29.97)
                    #expect(indices.count == spread.count(of: total, rate: 29.97))
                    #expect(indices.isEmpty == (total == 0))
                    #expect(indices.allSatisfy { 0..<total ~= $0 })
                    #expect(zip(indices, indices.dropFirst()).allSatisfy(<))
                }
            }
        }
    }

    @Test func videosThatProcessorsRefuseAreRefused() {
        let budget = PixelBudget(pixels: 3136...12_845_056, scope: .frame, tokenSide: 28)
        #expect(throws: TokenReelError.self) { try budget.size(width: 8000, height: 30, frames: 4) }
        #expect(throws: TokenReelError.self) { try budget.size(width: 0, height: 30, frames: 4) }
        let total = PixelBudget(pixels: 4096...25_165_824, scope: .video, tokenSide: 32)
        #expect(throws: TokenReelError.self) { try total.size(width: 640, height: 360, frames: nil) }
        #expect(throws: Never.self) { try budget.size(width: 640, height: 360, frames: nil) }
    }

    @Test(arguments: [
        ("\"min_pixels\": 256", "\"min_pixels\": 4096", "size"),
        ("\"patch_size\": 4", "\"patch_size\": 14", "patch_size"),
        ("\"merge_size\": 2", "\"merge_size\": \"2\"", "merge_size"),
        ("\"max_pixels\": 2048", "\"max_pixels\": 2048, \"fps\": -1", "fps"),
        ("\"min_pixels\": 256", "\"do_resize\": false", "do_resize"),
        ("\"max_pixels\": 2048", "\"max_pixels\": 2048, \"min_frames\": 800", "min_frames"),
        ("0.26862954", "0", "image_std"),
    ]) func brokenSettingsAreTypedErrors(_ old: String, _ new: String, _ key: String) throws {
        let folder = try TowerFixture("qwen2.5-vl-bf16").copy()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "preprocessor_config.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(text.contains(old))
        try text.replacingOccurrences(of: old, with: new).write(to: file, atomically: true, encoding: .utf8)
        let error = #expect(throws: TokenReelError.self) { try QwenTower(try CheckpointFolder(folder.path)) }
        #expect(error?.subject.contains(key) == true, "\(error?.description ?? "")")
    }

    @Test func settingsAreReadAsWritten() throws {
        let tower = try QwenTower(try TowerFixture("qwen3-vl-bf16").folder)
        #expect(tower.settings.budget == PixelBudget(pixels: 1024...6144, scope: .video, tokenSide: 8))
        #expect(tower.settings.spread == FrameSpread(.rate(2), bounds: 4...768, multiple: 1, .endToEnd))
        #expect(tower.settings.frames.mean == [0.5, 0.5, 0.5])
        let folder = try TowerFixture("qwen2.5-vl-bf16").copy()
        defer { try? FileManager.default.removeItem(at: folder) }
        try """
        {"video_processor_type": "Qwen2VLVideoProcessor", "num_frames": 6, "max_frames": 9,
         "size": {"shortest_edge": 100, "longest_edge": 900}, "cap_pixels_per_frame": true, "max_video_tokens": 50}
        """.write(to: folder.appending(path: "video_preprocessor_config.json"), atomically: true, encoding: .utf8)
        let other = try QwenTower(try CheckpointFolder(folder.path))
        #expect(
            other.settings.budget
                == PixelBudget(pixels: 100...900, scope: .frame, tokenSide: 8, cappedTokens: 50))
        #expect(other.settings.spread == FrameSpread(.count(6), bounds: 4...9, multiple: 2, .partStarts))
        #expect(other.settings.frames.std == [0.26862954, 0.26130258, 0.27577711])
    }
}
