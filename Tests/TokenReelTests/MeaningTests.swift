import Foundation
import TestSupport
import Testing

/// What the built-in encoder and the default recipe find on real clips whose truth is known, as the benchmark program
/// measures it.
@Suite(.enabled(if: SharedFiles.videos != nil, "needs the clips with known truth in ../shared/videos"))
struct MeaningTests {
    /// Measured once, by the program beside the test bundle: both are products of the same build.
    private static let figures = Result { () throws -> [String: Double] in
        let videos = try #require(SharedFiles.videos)
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appending(path: "TokenReelBench")
        process.arguments = ["meaning", videos.path]
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return try JSONDecoder().decode([String: Double].self, from: data)
    }

    private func figure(_ name: String) throws -> Double { try #require(try Self.figures.get()[name]) }

    @Test(arguments: [1, 2, 5]) func everyKnownCutIsASegmentBoundary(framesPerSecond: Int) throws {
        #expect(try figure("cuts.found@\(framesPerSecond)fps") == 1)
        // Eight cuts in 26.5 seconds; boundaries everywhere would find them all, too.
        #expect(try figure("cuts.segments@\(framesPerSecond)fps") <= 9 + 5 * Double(framesPerSecond))
    }

    @Test(arguments: ["cars.mp4", "bottles.mp4"]) func tokensGoToWhereSomethingHappens(clip: String) throws {
        #expect(try figure("events.\(clip)") >= 3)
    }

    @Test(arguments: ["frog", "flower", "bmx"]) func pictureOfAThingFindsItsPatches(object: String) throws {
        #expect(try figure("query.covered.\(object)") >= 2.5)
        // Not by covering everything: the places of the kept tokens lie on the thing, too.
        #expect(try figure("query.precision.\(object)") >= 2)
    }
}
