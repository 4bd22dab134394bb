internal import Foundation
internal import TokenCore
internal import TokenReduction
internal import TokenReel

/// Clusters unit tokens from given centroids, as the other k-means programs do.
func kmeansBenchmark(_ arguments: [String]) throws -> Figures {
    guard arguments.count == 4 else { throw Usage() }
    let channels = try number(arguments, 2)
    let iterations = try number(arguments, 3)
    let tokens = try floats(arguments[0])
    let centroids = try floats(arguments[1])
    let (means, seconds) = timed {
        SphericalKMeans(
            tokens: tokens, channels: channels, centroids: centroids, maxIterations: iterations,
            workers: ProcessInfo.processInfo.activeProcessorCount)
    }
    var figures = Figures()
    figures["seconds"] = seconds
    figures["iterations"] = Double(means.iterations)
    figures["similarity"] = means.similarity.reduce(0) { $0 + Double($1) } / Double(means.similarity.count)
    return figures
}

private func floats(_ path: String) throws -> TensorBuffer<Float> {
    let data = try Data(contentsOf: URL(filePath: path))
    let count = data.count / MemoryLayout<Float>.stride
    return TensorBuffer(count: count) { output in
        _ = data.prefix(count * MemoryLayout<Float>.stride).copyBytes(to: UnsafeMutableRawBufferPointer(output))
    }
}

/// One method from the token grid to the reduced tokens, on 14 x 14 tokens of 3,584 channels a frame, on one thread, the
/// best of several runs: seconds.
///
/// `BUDGET` is a ratio; `as-published` follows the reference's rounding, so that both sides do the same work.
func methodBenchmark(_ arguments: [String]) throws -> Figures {
    guard arguments.count >= 4, let ratio = Double(arguments[2]) else { throw Usage() }
    let frames = try number(arguments, 1)
    let rounds = try number(arguments, 3)
    let grid = try syntheticGrid(frames: frames)
    var parameters: [String: String] = [:]
    var request = ReductionRequest(budget: .ratio(ratio))
    for argument in arguments.dropFirst(4) {
        let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
        if argument == "as-published" {
            request.asPublished = true
        } else if argument == "query" {
            request.query = try Query(vectors: Array(grid.values.array.prefix(3584)), channels: 3584)
        } else if parts.count == 2 {
            parameters[parts[0]] = parts[1]
        } else {
            throw Usage()
        }
    }
    request.allowSubstitute = true
    let recipe = try RecipeRegistry.recipe(named: arguments[0], parameters: parameters)
    var best = Double.infinity
    var count = 0
    for _ in 0..<rounds {
        let run = try timed {
            try recipe.reduce(grid, request).plan.applied(to: grid.values, channels: grid.shape.channels).count
        }
        best = min(best, run.seconds)
        count = run.result / grid.shape.channels
    }
    var figures = Figures()
    figures["seconds"] = best
    figures["tokens"] = Double(count)
    figures["memory"] = Double(ProcessMemory.peakBytes) / 1_048_576
    return figures
}

/// A still background with noise of its own strength in every cell, an object that moves one cell a frame, and a cut
/// every eight frames.
private func syntheticGrid(frames: Int) throws -> TokenGrid {
    let shape = try GridShape(frames: frames, rows: 14, columns: 14, channels: 3584)
    var noise = Noise()
    var background = [Float](repeating: 0, count: shape.tokensPerFrame * shape.channels)
    let object = (0..<shape.channels).map { _ in noise.next() }
    let values = TensorBuffer<Float>(count: shape.elementCount) { output in
        for frame in 0..<frames {
            if frame.isMultiple(of: 8) { for index in background.indices { background[index] = noise.next() } }
            for cell in 0..<shape.tokensPerFrame {
                let strength = Float(cell % 10) * 0.1
                let isObject = cell / 14 == 7 && cell % 14 == frame % 14
                let start = (frame * shape.tokensPerFrame + cell) * shape.channels
                for channel in 0..<shape.channels {
                    let still = isObject ? object[channel] : background[cell * shape.channels + channel]
                    output[start + channel] = still + strength * noise.next()
                }
            }
        }
    }
    let saliency = (0..<shape.tokenCount).map { _ in abs(noise.next()) }
    return try TokenGrid(
        shape: shape, values: values, frameTimes: (0..<frames).map(Double.init), saliency: saliency)
}
