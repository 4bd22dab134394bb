import Foundation
import Safetensors
import TestSupport
import Testing
import TokenCore
import VisionEncoding

@Suite struct PixelChangeTests {
    private func picture(_ width: Int, _ height: Int, step: Int) throws -> VideoFrame {
        VideoFrame(
            width: width, height: height,
            pixels: (0..<width * height * 3).map { UInt8(truncatingIfNeeded: $0 * step ^ ($0 >> 5)) },
            pts: MediaTime(ticks: 0, timeBase: try #require(Rational(1, 1))))
    }

    /// `scripts/make-tiny-checkpoints.py` made the expected values from the same pictures.
    @Test func changesAreThoseOfNormalisedPixels() throws {
        let file = SharedFiles.package.appending(path: "Tests/VisionEncodingTests/Fixtures/pixel-change.safetensors")
        let expected = try SafetensorsFile(path: file.path).floats("change").array
        let (now, before) = (try picture(40, 42, step: 37), try picture(40, 42, step: 91))
        #expect(deviation(PixelChange.map(of: now, since: before, rows: 7, columns: 5), expected) < 1e-6)
        #expect(PixelChange.map(of: now, since: now, rows: 7, columns: 5) == [Float](repeating: 0, count: 35))
    }

    @Test func theFirstFrameIsAllNew() throws {
        let first = PixelChange.map(of: try picture(8, 8, step: 1), since: nil, rows: 2, columns: 3)
        #expect(first == [Float](repeating: 255, count: 6))
        let (white, black) = (try flat(255), try flat(0))
        let most = PixelChange.map(of: white, since: black, rows: 2, columns: 3)
        #expect(most.allSatisfy { $0 > 4 && $0 < 5 })
    }

    @Test func everyPixelCountsOnceWhereSidesDoNotDivide() throws {
        // One pixel of five by seven changes by a hundred levels of green.
        for changed in 0..<35 {
            var pixels = try flat(10, width: 7, height: 5).pixels
            pixels[3 * changed + 1] = 110
            let now = VideoFrame(width: 7, height: 5, pixels: pixels, pts: try flat(0).pts)
            let map = PixelChange.map(of: now, since: try flat(10, width: 7, height: 5), rows: 2, columns: 3)
            let touched = map.indices.filter { map[$0] > 0 }
            #expect(touched == [(changed / 7) * 2 / 5 * 3 + (changed % 7) * 3 / 7])
        }
    }

    private func flat(_ level: UInt8, width: Int = 8, height: Int = 8) throws -> VideoFrame {
        VideoFrame(
            width: width, height: height, pixels: [UInt8](repeating: level, count: width * height * 3),
            pts: MediaTime(ticks: 0, timeBase: try #require(Rational(1, 1))))
    }
}
