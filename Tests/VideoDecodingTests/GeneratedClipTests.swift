import Foundation
import Testing
import TokenCore
import VideoDecoding

/// Clips made on the spot, one for each way of coding that makes leaving out packets risky.
@Suite struct GeneratedClipTests {
    /// Name and encoder; the pictures move, so that a wrong reference shows.
    private static let clips: [(String, [String])] = [
        ("open.mp4", ["-c:v", "libx264", "-x264-params", "open-gop=1:keyint=12:bframes=4:b-pyramid=normal"]),
        ("refresh.mp4", ["-c:v", "libx264", "-x264-params", "intra-refresh=1:keyint=12"]),
        ("short.mkv", ["-c:v", "libx264", "-g", "1"]),
        ("interlaced.mp4", ["-c:v", "libx264", "-flags", "+ildct+ilme", "-x264opts", "tff=1", "-g", "10"]),
        (
            "cra.mp4",
            ["-c:v", "libx265", "-x265-params", "open-gop=1:keyint=12:min-keyint=12:bframes=4:log-level=none"]
        ),
        ("layers.mkv", ["-c:v", "libx265", "-x265-params", "temporal-layers=1:keyint=24:bframes=7:log-level=none"]),
        ("in-band.ts", ["-c:v", "libx264", "-g", "10", "-bf", "3"]),
        ("in-band-hevc.ts", ["-c:v", "libx265", "-x265-params", "keyint=10:log-level=none"]),
        ("open.mpg", ["-c:v", "mpeg2video", "-g", "9", "-bf", "2"]),
        ("open-part2.mp4", ["-c:v", "mpeg4", "-g", "9", "-bf", "2"]),
        ("b-frames.avi", ["-c:v", "mpeg4", "-g", "9", "-bf", "2"]),
        ("packed.avi", ["-c:v", "libxvid", "-g", "9", "-bf", "2"]),
        ("altref.webm", ["-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-g", "20", "-b:v", "200k"]),
        (
            "altref-vp9.webm",
            ["-c:v", "libvpx-vp9", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-g", "20", "-deadline", "realtime"]
        ),
        ("av1.mkv", ["-c:v", "libsvtav1", "-preset", "12", "-g", "20"]),
        ("theora.ogv", ["-c:v", "libtheora", "-g", "12"]),
        ("wmv.asf", ["-c:v", "wmv2", "-g", "12"]),
        ("flash.flv", ["-c:v", "flv1", "-g", "12"]),
        ("lossless.mkv", ["-c:v", "ffv1", "-g", "12"]),
        ("motion.avi", ["-c:v", "mjpeg"]),
        ("pro.mov", ["-c:v", "prores", "-pix_fmt", "yuv422p10le"]),
        ("raw.y4m", []),
        ("bare.h264", ["-c:v", "libx264", "-g", "10"]),
        ("bare.hevc", ["-c:v", "libx265", "-x265-params", "keyint=10:log-level=none"]),
        ("moving.gif", []),
    ]

    private static func make(_ number: Int) throws -> String {
        let (name, encoder) = clips[number]
        let path = Clips.folder.appending(path: "coded-" + name).path
        if FileManager.default.fileExists(atPath: path) { return path }
        let format = encoder.contains("-pix_fmt") ? [] : ["-pix_fmt", name.hasSuffix("gif") ? "pal8" : "yuv420p"]
        return try Clips.make(
            "coded-" + name, ["-f", "lavfi", "-i", "testsrc2=d=2.4:s=160x96:r=25"] + format + encoder)
    }

    @Test(arguments: clips.indices)
    func leavingOutPacketsChangesNothing(number: Int) throws {
        let name = Self.clips[number].0
        let path = try Self.make(number)
        let all = try Decoded(.file(path), .all)
        // Xvid itself leaves out its last frames.
        #expect(all.frames.count >= (name == "packed.avi" ? 57 : 59), "\(name): \(all.frames.count)")
        #expect(all.statistics.decodeErrors == 0, "\(name)")
        for sampling in [FrameSampling.rate(2.3), .rate(9.1), .count(3), .count(20), .keyframes] {
            let full = try Decoded(.file(path), sampling) { $0.strategy = .readThrough }
            for distance: Int64 in [0, 8 << 20] {
                let seeking = try Decoded(.file(path), sampling) {
                    $0.strategy = .seek
                    $0.seekDistance = distance
                }
                #expect(full.matches(seeking), "\(name) \(sampling) \(full.ticks) \(seeking.ticks)")
                #expect(seeking.statistics.decodeErrors == 0, "\(name) \(sampling)")
            }
            // And both are frames of the whole.
            for frame in full.frames {
                #expect(all.frames.contains { $0.pts == frame.pts && $0.pixels == frame.pixels }, "\(name)")
            }
        }
    }

    @Test func skippingSavesDecoding() throws {
        let path = try Self.make(0)
        let one = try Decoded(.file(path), .count(1))
        #expect(one.statistics.strategy == .seek && one.statistics.framesDecoded < 40)
        let intra = try Decoded(.file(Self.make(19)), .count(3))
        #expect(intra.statistics.packetsRead == 3 && intra.statistics.framesDecoded == 3)
    }

    /// Edit lists move and hide frames; the times are those of FFmpeg's own demuxing.
    @Test func editListsHideFrames() throws {
        let whole = try Self.make(0)
        let cut = try Clips.make("cut.mp4", "-ss", "0.6", "-i", whole, "-c", "copy")
        let all = try Decoded(.file(cut), .all)
        #expect(all.frames.first?.pts.seconds ?? 9 < 0.05)
        let times = try Clips.packetTimes(cut)
        let shown = times.filter { $0 >= 0 }
        #expect(shown.count < times.count)
        #expect(all.frames.count == shown.count)
        for sampling in [FrameSampling.rate(3), .count(4)] {
            #expect(
                try Decoded(.file(cut), sampling) { $0.strategy = .readThrough }
                    .matches(Decoded(.file(cut), sampling) { $0.strategy = .seek }))
        }
    }

    /// Two recordings one after the other: the second part's clock starts anew, its frames follow all the same.
    @Test func joinedRecordingsRunOn() throws {
        let part = try Clips.make("part.ts", "-f", "lavfi", "-i", "testsrc2=d=2:s=64x48:r=25", "-g", "10", "-bf", "2")
        let once = [UInt8](try Data(contentsOf: URL(filePath: part)))
        let twice = try Decoded(.memory(once + once), .all)
        #expect(twice.frames.count == 100)
        let steps = zip(twice.frames, twice.frames.dropFirst()).map { $1.pts.seconds - $0.pts.seconds }
        #expect(steps.allSatisfy { $0 > 0.01 && $0 < 0.15 }, "\(steps.max() ?? 0)")
        #expect(twice.statistics.notices.contains { $0.hasPrefix("the clock starts anew") })
        #expect(twice.frames[60].pixels == twice.frames[10].pixels)
        #expect(
            try Decoded(.memory(once + once), .rate(3)) { $0.strategy = .readThrough }
                .matches(Decoded(.memory(once + once), .rate(3)) { $0.strategy = .seek }))
    }

    /// An MP4 whose index comes last can't be read from a pipe; it is copied first.
    @Test func pipesOfMP4WithTheIndexLast() throws {
        let path = try Self.make(0)
        let fifo = Clips.folder.appending(path: "fifo-index-last").path
        #expect(mkfifo(fifo, 0o600) == 0)
        let feeder = Process()
        feeder.executableURL = URL(filePath: "/bin/sh")
        feeder.arguments = ["-c", "cat \"$1\" > \"$2\"", "sh", path, fifo]
        try feeder.run()
        #expect(try Decoded(.file(fifo), .rate(3)).matches(Decoded(.file(path), .rate(3))))
    }

    @Test func rangesAndOrigins() throws {
        let plain = try Self.make(0)
        let late = try Clips.make("late.mkv", "-itsoffset", "5", "-i", plain, "-c", "copy", "-copyts")
        let clip = try Decoded(.file(late), .rate(2)) { ($0.start, $0.end) = (0.5, 1.6) }
        // The stream keeps its own clock; the range counts from its first frame.
        #expect(
            clip.frames.map { ($0.pts.seconds * 100).rounded() / 100 } == [5.52, 6.0, 6.52] || clip.frames.count == 3)
        #expect(clip.frames.allSatisfy { $0.pts.seconds > 5.4 && $0.pts.seconds < 6.7 })
        #expect(try Decoded(.file(plain), .rate(1)) { $0.start = 50 }.frames.isEmpty)
    }

    @Test func pixelsNeedNotBeSquare() throws {
        let wide = try Clips.make(
            "wide.mp4", "-f", "lavfi", "-i", "testsrc=d=0.2:s=90x80:r=10", "-vf", "setsar=16/9", "-c:v", "libx264")
        let clip = try Decoded(.file(wide), .all)
        #expect((clip.info.storedWidth, clip.info.width, clip.info.height) == (90, 160, 80))
        #expect(clip.frames.allSatisfy { $0.width == 160 && $0.height == 80 })
        let exact = try Decoded(.file(wide), .all) { $0.size = .exactly(width: 33, height: 17) }
        #expect(exact.frames.allSatisfy { $0.width == 33 && $0.height == 17 && $0.pixels.count == 33 * 17 * 3 })
    }

    /// Known colours through every combination of matrix and range, to within rounding of 8-bit codes.
    @Test(arguments: ["bt709", "smpte170m", "bt2020nc"], ["tv", "pc"])
    func coloursSurviveTheirMatrix(matrix: String, range: String) throws {
        let filterName = ["smpte170m": "bt601", "bt2020nc": "bt2020"][matrix] ?? matrix
        let clip = try Clips.make(
            "colour-\(matrix)-\(range).mkv", "-f", "lavfi", "-i", "color=c=0xc04020:s=64x48:d=0.1:r=10,format=gbrp",
            "-vf", "scale=out_color_matrix=\(filterName):out_range=\(range),format=yuv444p", "-c:v", "libx264", "-qp",
            "0",
            "-colorspace", matrix, "-color_range", range)
        let decoded = try Decoded(.file(clip), .all)
        #expect(decoded.info.colourMatrix == matrix && decoded.info.isFullRange == (range == "pc"))
        let pixel = try #require(decoded.frames.first).pixels.prefix(3)
        for (value, wanted) in zip(pixel, [0xc0, 0x40, 0x20]) {
            #expect(abs(Int(value) - wanted) <= 2, "\(Array(pixel))")
        }
    }
}
