internal import Foundation
internal import TensorOps
internal import TokenCore
internal import VisionEncoding

/// A vision tower on random pixels: seconds a frame, the better of one frame on all processors and one on each.
///
/// Time goes from normalised pixels to the last hidden state, for Qwen-VL to the merged tokens of a temporal group of
/// frames of 448 x 448 pixels, as in the peer's call; the first round is not counted.
func towerBenchmark(_ arguments: [String]) throws -> Figures {
    guard arguments.count == 3, let precision = Precision(rawValue: arguments[1]) else { throw Usage() }
    let rounds = try number(arguments, 2)
    var options = VisionTowerOptions()
    options.precision = precision
    options.saliency = .none
    let (tower, loading) = try timed { try CheckpointFolder(arguments[0]).encoder(options) }
    guard tower.notices.isEmpty else {
        throw TokenReelError(.unsupportedInput, subject: "bf16", found: "a processor without it")
    }
    let processors = ProcessInfo.processInfo.activeProcessorCount
    let side = (tower as? VisionTower)?.imageSide ?? QwenTower.exampleSide
    var noise = Noise()
    let pixels = (0..<3 * side * side).map { _ in noise.next() }
    func encode(_ count: Int) throws {
        _ = try Parallel.map(count: count, workers: count) { _ throws(TokenReelError) in
            if let tower = tower as? QwenTower {
                let group = Array(repeating: pixels, count: tower.framesPerGroup)
                return tower.encode(pixels: group, signals: [], workers: processors / count)
            }
            guard let tower = tower as? VisionTower else { return EncodedFrame(tokens: []) }
            return try pixels.withUnsafeBufferPointer { pixels throws(TokenReelError) in
                try tower.encode(pixels: pixels, signals: [], workers: processors / count)
            }
        }
    }
    var figures = Figures()
    for count in Set([1, processors]).sorted() {
        try encode(count)
        var seconds: [Double] = []
        let start = processorSeconds()
        for _ in 0..<rounds { seconds.append(try timed { try encode(count) }.seconds / Double(count)) }
        let processor = (processorSeconds() - start) / Double(rounds * count)
        let median = seconds.sorted()[rounds / 2]
        figures["at_a_time_\(count)"] = median
        guard median < figures["seconds"] ?? .infinity else { continue }
        figures["seconds"] = median
        figures["processor"] = processor
    }
    figures["loading"] = loading
    return figures
}

/// What one processor reaches in products of the shape of SigLIP so400m's feed-forward layer: GFLOP/s.
func productsBenchmark(_ arguments: [String]) throws -> Figures {
    let rounds = try number(arguments, 0)
    let (rows, outputs, inputs) = (729, 4304, 1152)
    let input = [Float](repeating: 0.5, count: rows * inputs)
    let weights = [Float](repeating: 0.25, count: outputs * inputs)
    var output = [Float](repeating: 0, count: rows * outputs)
    var rounded = [UInt16](repeating: 0, count: PackedMatrix.scratchCount)
    /// The best of several, since anything else that runs can only slow it down.
    func rate(_ multiply: () -> Void) -> Double {
        multiply()
        let seconds = (0..<rounds).map { _ in timed(multiply).seconds }.min() ?? .infinity
        return 2 * Double(rows * outputs * inputs) / seconds / 1e9
    }
    var figures = Figures()
    input.withUnsafeBufferPointer { input in
        weights.withUnsafeBufferPointer { weights in
            output.withUnsafeMutableBufferPointer { output in
                guard let a = input.baseAddress, let b = weights.baseAddress, let c = output.baseAddress else { return }
                let left = MatrixView(a, rows: rows, columns: inputs)
                let right = MatrixView(b, rows: outputs, columns: inputs)
                let product = MutableMatrixView(c, rows: rows, columns: outputs)
                figures["f32"] = rate { Matrix.multiply(left, transposed: right, into: product) }
                for isRounded in PackedMatrix.canRound ? [false, true] : [false] {
                    guard let packed = PackedMatrix(right, isRounded: isRounded) else { continue }
                    figures[isRounded ? "bf16" : "f32"] = rate {
                        packed.multiply(left, into: product, scratch: &rounded)
                    }
                }
            }
        }
    }
    return figures
}
