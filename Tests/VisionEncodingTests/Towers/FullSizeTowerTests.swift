import Foundation
import Safetensors
import TensorOps
import Testing
import TokenCore
import VisionEncoding

/// Checkpoints of published size.
///
/// `scripts/make-tiny-checkpoints.py --full FOLDER` writes them, and
/// `TOKENREEL_FULL_TOWERS=FOLDER` runs these tests. They print times and rates.
@Suite(
    .serialized,
    .enabled(if: ProcessInfo.processInfo.environment["TOKENREEL_FULL_TOWERS"] != nil, "needs TOKENREEL_FULL_TOWERS"))
struct FullSizeTowerTests {
    /// Multiply-adds counted twice, without softmax and norms.
    private static let work = ["siglip-so400m-patch14-384": 666.0, "clip-vit-large-patch14-336": 382.0]

    @Test(arguments: ["siglip-so400m-patch14-384", "clip-vit-large-patch14-336"])
    func parityAndSpeed(_ name: String) throws {
        let root = ProcessInfo.processInfo.environment["TOKENREEL_FULL_TOWERS"] ?? ""
        let clock = ContinuousClock()
        var tower: VisionTower?
        let loading = try clock.measure { tower = try VisionTower(try CheckpointFolder("\(root)/\(name)")) }
        let expected = try SafetensorsFile(path: "\(root)/\(name)/expected.safetensors")
        let loaded = try #require(tower)
        let pixels = try expected.floats("pixels").array
        let states = loaded.hiddenStates(of: pixels)
        let last = states.count - 1
        for layer in [1, last] {
            let reference = try expected.floats("hidden.\(layer)").array
            let found = deviation(states[layer], reference)
            print("\(name) hidden state \(layer): \(found) of the largest magnitude")
            #expect(found < 1e-4)
        }
        var found: EncodedFrame?
        let one = try clock.measure { found = try loaded.result(of: pixels, [.frameFeatures]) }
        let feature = try #require(found?.frameFeature)
        #expect(deviation(feature, try expected.floats("pooler_output").array) < 1e-4)
        let start = clock_t(Foundation.clock())
        _ = try loaded.result(of: pixels)
        let seconds = Double(Foundation.clock() - start) / Double(CLOCKS_PER_SEC)
        let roundedSeconds = try processorSecondsInHalfPrecision("\(root)/\(name)", pixels)
        let rate = Int((Self.work[name] ?? 0) / seconds)
        print("\(name): load \(loading), frame \(one), \(seconds) s of processor time: \(rate) GFLOP/s a core")
        print("\(name) in bf16: \(roundedSeconds) s of processor time")
    }

    private func processorSecondsInHalfPrecision(_ path: String, _ pixels: [Float]) throws -> Double {
        var options = VisionTowerOptions()
        options.precision = .bf16
        let tower = try VisionTower(try CheckpointFolder(path), options: options)
        _ = try tower.result(of: pixels)
        let start = Foundation.clock()
        _ = try tower.result(of: pixels)
        return Double(Foundation.clock() - start) / Double(CLOCKS_PER_SEC)
    }

    @Test func peakOfProducts() {
        // The shape of the feed-forward layer, which has two thirds of the work.
        let (m, n, k) = (729, 4304, 1152)
        let a = [Float](repeating: 0.5, count: m * k)
        let b = [Float](repeating: 0.25, count: n * k)
        let start = Foundation.clock()
        for _ in 0..<4 {
            a.withUnsafeBufferPointer { a in
                b.withUnsafeBufferPointer { _ = Matrix.products(a, rows: m, $0, rows: n, channels: k) }
            }
        }
        let seconds = Double(Foundation.clock() - start) / Double(CLOCKS_PER_SEC)
        print("products of a feed-forward layer: \(Int(8 * Double(m * n * k) / seconds / 1e9)) GFLOP/s a core")
    }
}
