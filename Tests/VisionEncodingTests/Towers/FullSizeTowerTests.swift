import Foundation
import Safetensors
import Testing
import TokenCore
import VisionEncoding

/// Checkpoints of published size.
///
/// `scripts/make-tiny-checkpoints.py --full FOLDER` writes them, and
/// `TOKENREEL_FULL_TOWERS=FOLDER` runs these tests; `scripts/bench --only towers` times such checkpoints.
@Suite(
    .serialized,
    .enabled(if: ProcessInfo.processInfo.environment["TOKENREEL_FULL_TOWERS"] != nil, "needs TOKENREEL_FULL_TOWERS"))
struct FullSizeTowerTests {
    @Test(arguments: ["siglip-so400m-patch14-384", "clip-vit-large-patch14-336"])
    func parity(_ name: String) throws {
        let folder = "\(ProcessInfo.processInfo.environment["TOKENREEL_FULL_TOWERS"] ?? "")/\(name)"
        let tower = try VisionTower(try CheckpointFolder(folder))
        let expected = try SafetensorsFile(path: "\(folder)/expected.safetensors")
        let pixels = try expected.floats("pixels").array
        let states = tower.hiddenStates(of: pixels)
        for layer in [1, states.count - 1] {
            let found = deviation(states[layer], try expected.floats("hidden.\(layer)").array)
            print("\(name) hidden state \(layer): \(found) of the largest magnitude")
            #expect(found < 1e-4)
        }
        let single = try tower.result(of: pixels, [.frameFeatures])
        #expect(
            deviation(try #require(single.frameFeature), try expected.floats("pooler_output").array) < 1e-4)
        try expectCloseInHalfPrecision(folder, pixels, single.tokens, channels: tower.channels)
    }

    private func expectCloseInHalfPrecision(
        _ folder: String, _ pixels: [Float], _ tokens: [Float], channels: Int
    ) throws {
        var options = VisionTowerOptions()
        options.precision = .bf16
        let rounded = try VisionTower(try CheckpointFolder(folder), options: options).result(of: pixels).tokens
        #expect(rounded.count == tokens.count)
        let lowest = stride(from: 0, to: tokens.count, by: channels).map { start -> Double in
            var (dot, left, right) = (0.0, 0.0, 0.0)
            for index in start..<start + channels {
                dot += Double(tokens[index]) * Double(rounded[index])
                left += Double(tokens[index]) * Double(tokens[index])
                right += Double(rounded[index]) * Double(rounded[index])
            }
            return dot / (left * right).squareRoot()
        }.min()
        print("\(folder): lowest cosine of a token in bf16 to itself in f32: \(lowest ?? 0)")
        #expect(lowest ?? 0 > 0.995)
    }
}
