// Our side of the benchmarks: each run does one piece of work in this process and prints one JSON object with the
// seconds it took. scripts/bench runs the other sides and puts the ratios together.

internal import Foundation
internal import TokenCore

let arguments = Array(CommandLine.arguments.dropFirst())

do {
    let figures: Figures
    switch arguments.first {
    case "decode": figures = try decodeBenchmark(Array(arguments.dropFirst()))
    case "encode": figures = try encodeBenchmark(Array(arguments.dropFirst()))
    case "kmeans": figures = try kmeansBenchmark(Array(arguments.dropFirst()))
    case "method": figures = try methodBenchmark(Array(arguments.dropFirst()))
    case "tower": figures = try towerBenchmark(Array(arguments.dropFirst()))
    case "products": figures = try productsBenchmark(Array(arguments.dropFirst()))
    case "meaning": figures = try meaningBenchmark(Array(arguments.dropFirst()))
    default: throw Usage()
    }
    print(figures.json)
} catch is Usage {
    let usage = """
        usage: TokenReelBench decode VIDEO fps F | frames N | keyframes
               TokenReelBench encode VIDEO
               TokenReelBench kmeans TOKENS CENTROIDS CHANNELS ITERATIONS    (raw float32 files)
               TokenReelBench method NAME FRAMES RATIO ROUNDS [as-published] [query] [parameter=value …]
               TokenReelBench tower CHECKPOINT f32|bf16 ROUNDS
               TokenReelBench products ROUNDS
               TokenReelBench meaning VIDEOS [METHOD]                       (the folder of clips with truth/)
        """
    FileHandle.standardError.write(Data((usage + "\n").utf8))
    exit(64)
} catch {
    FileHandle.standardError.write(Data("TokenReelBench: \(error)\n".utf8))
    exit(1)
}
