import Foundation
import TestSupport
import Testing
import TokenCore
import VideoDecoding

/// Soft colours with one hard edge.
private func picture(width: Int, height: Int, shift: Int = 0, seconds: Int32 = 0, per: Int32 = 1) -> VideoFrame {
    var pixels: [UInt8] = []
    for row in 0..<height {
        for column in 0..<width {
            pixels.append(UInt8((column * 255 / width + shift) % 256))
            pixels.append(UInt8(row * 255 / height))
            pixels.append(column < width / 2 ? 40 : 200)
        }
    }
    let unit = Rational(1, per) ?? .one
    return VideoFrame(
        width: width, height: height, pixels: pixels, pts: MediaTime(ticks: Int64(seconds), timeBase: unit))
}

private func meanError(_ a: VideoFrame, _ b: VideoFrame) -> Double {
    zip(a.pixels, b.pixels).reduce(0.0) { $0 + abs(Double($1.0) - Double($1.1)) } / Double(a.pixels.count)
}

@Suite struct PictureEncoderTests {
    @Test(arguments: [(64, 48), (33, 17), (1, 1), (1023, 5)])
    func pngKeepsEveryPixel(width: Int, height: Int) throws {
        let frame = picture(width: width, height: height)
        let bytes = try frame.encoded(as: .png)
        #expect(bytes.prefix(4) == [0x89, 0x50, 0x4E, 0x47])
        #expect(try VideoDecoder.image(.memory(bytes)).pixels == frame.pixels)
        #expect(try frame.encoded(as: .png) == bytes)
    }

    @Test func jpegIsCloseAndItsQualityCounts() throws {
        let frame = picture(width: 320, height: 180)
        var sizes: [Int] = []
        for (quality, tolerance) in [(30, 6.0), (60, 5.0), (85, 4.0), (100, 3.0)] {
            let bytes = try frame.encoded(as: .jpeg(quality: quality))
            #expect(bytes.prefix(3) == [0xFF, 0xD8, 0xFF] && bytes.suffix(2) == [0xFF, 0xD9])
            let back = try VideoDecoder.image(.memory(bytes))
            #expect(back.width == 320 && back.height == 180)
            #expect(meanError(back, frame) < tolerance, "quality \(quality)")
            #expect(try frame.encoded(as: .jpeg(quality: quality)) == bytes)
            sizes.append(bytes.count)
        }
        #expect(sizes == sizes.sorted() && sizes[0] < sizes[3])
        let odd = try VideoDecoder.image(.memory(picture(width: 33, height: 17).encoded(as: .jpeg(quality: 90))))
        #expect(odd.width == 33 && odd.height == 17)
    }

    @Test(arguments: [0, 101, -5]) func impossibleQualitiesAreRefused(quality: Int) {
        #expect { try picture(width: 8, height: 8).encoded(as: .jpeg(quality: quality)) } throws: {
            ($0 as? TokenReelError)?.code == .invalidArgument
        }
    }
}

@Suite struct VideoWriterTests {
    @Test func whatIsWrittenCanBeReadAtItsTimes() throws {
        let scratch = try ScratchFolder()
        // Pauses differ, and the first picture is not at 0.
        let ticks: [Int32] = [10, 11, 12, 15, 20, 21, 40]
        let frames = ticks.enumerated().map {
            picture(width: 161, height: 91, shift: $0.offset * 9, seconds: $0.element, per: 10)
        }
        let writer = try VideoWriter(path: scratch.path("a.mp4"), width: 161, height: 91)
        for frame in frames { try writer.append(frame) }
        #expect(!FileManager.default.fileExists(atPath: scratch.path("a.mp4")))
        try writer.finish()
        var options = DecodeOptions()
        options.sampling = .all
        let decoder = try VideoDecoder(.file(scratch.path("a.mp4")), options: options)
        #expect(decoder.info.width == 160 && decoder.info.height == 90)
        for (index, tick) in ticks.enumerated() {
            let frame = try #require(try decoder.next())
            #expect(abs(frame.pts.seconds - Double(tick - 10) / 10) < 1e-3)
            #expect(abs(Int(frame.pixels[3 * (45 * 160 + 40)]) - Int(frames[index].pixels[3 * (45 * 161 + 40)])) < 16)
        }
        #expect(try decoder.next() == nil)
        let names = try FileManager.default.contentsOfDirectory(atPath: scratch.url.path)
        #expect(names == ["a.mp4"])
    }

    @Test func anUnfinishedFileLeavesNothing() throws {
        let scratch = try ScratchFolder()
        do {
            let writer = try VideoWriter(path: scratch.path("a.mp4"), width: 32, height: 32)
            try writer.append(picture(width: 32, height: 32))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.url.path).isEmpty)
        #expect { try VideoWriter(path: "/nonexistent/a.mp4", width: 32, height: 32) } throws: {
            ($0 as? TokenReelError)?.code == .inputOutput
        }
    }
}

@Suite struct ListedTimesTests {
    private static let clip = SharedFiles.package.appending(path: "Samples/clip.mp4").path

    private func frames(_ path: String, _ change: (inout DecodeOptions) -> Void) throws -> [VideoFrame] {
        var options = DecodeOptions()
        options.size = .within(edge: 96)
        change(&options)
        let decoder = try VideoDecoder(.file(path), options: options)
        var frames: [VideoFrame] = []
        while let frame = try decoder.next() { frames.append(frame) }
        return frames
    }

    @Test(arguments: ["", "delayed_start.mp4", "car_vfr.mp4", "nasa.mp4"])
    func theTimesOfFramesGiveTheSameFrames(name: String) throws {
        let path = name.isEmpty ? Self.clip : SharedFiles.video(name)?.path
        guard let path else { return }
        let sampled = try frames(path) { $0.sampling = .rate(2.3) }
        let times = sampled.map(\.pts.seconds)
        for strategy in [DecodeStrategy.seek, .readThrough] {
            let again = try frames(path) {
                $0.sampling = .times(times)
                $0.strategy = strategy
            }
            #expect(again.map(\.pts) == sampled.map(\.pts))
            #expect(again.map(\.pixels) == sampled.map(\.pixels))
        }
        // Between two frames the earlier one is on screen, and a frame is given once.
        let between = times.flatMap { [$0, $0 + 0.001] }
        #expect(try frames(path) { $0.sampling = .times(between) }.map(\.pts) == sampled.map(\.pts))
    }

    @Test func edgesBoundThePicture() throws {
        let frame = try #require(try frames(Self.clip) { $0.sampling = .count(1) }.first)
        #expect(frame.width == 96 && frame.height == 54)
        let large = try frames(Self.clip) {
            $0.sampling = .count(1)
            $0.size = .within(edge: 5000)
        }
        #expect(large.first?.width == 640 && large.first?.height == 360)
    }

    @Test func timesMustAscend() {
        for times in [[1.0, 0.5], [1, 1], [.nan]] {
            #expect(throws: TokenReelError.self) { try frames(Self.clip) { $0.sampling = .times(times) } }
        }
    }
}
