internal import Foundation
internal import TensorOps
internal import TokenCore
internal import VisionEncoding

/// A vision tower on random pixels, as many frames at a time as there are processors: seconds a frame.
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
    let workers = ProcessInfo.processInfo.activeProcessorCount
    let side = (tower as? VisionTower)?.imageSide ?? QwenTower.exampleSide
    var noise = Noise()
    let pixels = (0..<3 * side * side).map { _ in noise.next() }
    func frames() throws {
        _ = try Parallel.map(count: workers, workers: workers) { _ throws(TokenReelError) in
            if let tower = tower as? QwenTower {
                return tower.encode(pixels: Array(repeating: pixels, count: tower.framesPerGroup), signals: [])
            }
            guard let tower = tower as? VisionTower else { return EncodedFrame(tokens: []) }
            return try pixels.withUnsafeBufferPointer { pixels throws(TokenReelError) in
                try tower.encode(pixels: pixels, signals: [])
            }
        }
    }
    try frames()
    var seconds: [Double] = []
    let start = processorSeconds()
    for _ in 0..<rounds { seconds.append(try timed(frames).seconds / Double(workers)) }
    var figures = Figures()
    figures["seconds"] = seconds.sorted()[rounds / 2]
    figures["processor"] = (processorSeconds() - start) / Double(rounds * workers)
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
    var rounded = [UInt32](repeating: 0, count: BrainFloatMatrix.workspaceCount)
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
                guard let packed = BrainFloatMatrix(right) else { return }
                rounded.withUnsafeMutableBufferPointer { rounded in
                    guard let workspace = rounded.baseAddress else { return }
                    figures["bf16"] = rate {
                        packed.multiply(left, into: product, adding: false, workspace: workspace)
                    }
                }
            }
        }
    }
    return figures
}
