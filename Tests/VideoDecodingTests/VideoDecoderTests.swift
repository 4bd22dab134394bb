import Foundation
import TestSupport
import Testing
import TokenCore
import VideoDecoding

/// Sound clips of the shared set, with the oddities that the set was gathered for.
private let soundClips = [
    "armwrestling.mp4", "bag.avi", "basketball.mp4", "bbb.mp4", "bikes.mp4", "blocks.mp4",
    "blocks_h264_10bit_opengop.mkv", "bottles.mp4", "car_vfr.mp4", "carphone.mp4", "cars.mp4", "chaplin.mp4",
    "cockatoo.mp4", "cockatoo_444.mp4", "coffee.mp4", "coffee_vp9_odd427x239.webm", "counter.mp4", "dachshund.mp4",
    "dachshund_hevc10.mkv", "dachshund_rot90.mp4", "dachshund_two_streams.mkv", "delayed_start.mp4", "dog.mp4",
    "dog_hevc.mp4", "ego_cooking.mp4", "fades_testvideo.mp4", "flower.mp4", "flower.webm", "flower_av1.webm",
    "fpv_car.mp4", "friday.mp4", "friday_mpeg2_interlaced_tff.mpg", "frog.mp4", "frog_mjpeg.avi",
    "known_cuts_open.mp4", "nasa.mp4", "no_duration.webm", "pancake.mkv", "rabbit.webm", "redpandas.mp4",
    "rot180.mov", "rot_m90.mov", "screenrec.mp4", "tokyo_night.mp4",
]

@Suite(.enabled(if: SharedFiles.videos != nil, "needs the shared clips beside the checkout"))
struct SharedClipTests {
    private func path(_ name: String) throws -> String { try #require(SharedFiles.video(name)).path }

    /// What FFmpeg's own demuxing says: every packet is a frame, and both ends carry the right time.
    @Test(arguments: soundClips)
    func everyFrameIsExpectedAtItsTime(name: String) throws {
        let path = try path(name)
        let times = try Clips.packetTimes(path)
        var options = DecodeOptions()
        options.sampling = .all
        options.size = .exactly(width: 32, height: 32)
        let decoder = try VideoDecoder(.file(path), options: options)
        #expect(decoder.expectedFrames == times.count)
        let first = try decoder.next()
        #expect(first?.pts.ticks == times.first)
    }

    @Test(arguments: ["car_vfr.mp4", "delayed_start.mp4", "nasa.mp4", "coffee_vp9_odd427x239.webm", "no_duration.webm"])
    func everyFrameComesOut(name: String) throws {
        let path = try path(name)
        let all = try Decoded(.file(path), .all) { $0.size = .exactly(width: 16, height: 16) }
        #expect(try all.ticks == Clips.packetTimes(path))
        #expect(all.statistics.decodeErrors == 0)
    }

    /// The promise of the decoder: leaving out what no wanted frame needs does not change a byte.
    @Test(arguments: soundClips)
    func seekingGivesTheFramesOfAFullDecode(name: String) throws {
        let path = try path(name)
        // Big screens cost time and prove nothing more: pixels are compared at full size for the others.
        let isBig = name.hasPrefix("screenrec") || name.hasPrefix("fades")
        func decode(_ strategy: DecodeStrategy) throws -> Decoded {
            try Decoded(.file(path), .rate(1.3)) {
                $0.strategy = strategy
                $0.start = 0.7
                $0.end = 2.8
                $0.seekDistance = 0
                if isBig { $0.size = .exactly(width: 320, height: 180) }
            }
        }
        let full = try decode(.readThrough)
        let seeking = try decode(.seek)
        #expect(full.matches(seeking))
        #expect(seeking.statistics.framesReturned == seeking.expected)
        #expect(seeking.statistics.packetsRead <= full.statistics.packetsRead)
    }

    /// Open GOPs, false key frames, sparse entries and every codec family, with far jumps.
    @Test(arguments: [
        "cockatoo_444.mp4", "blocks_h264_10bit_opengop.mkv", "dog_hevc.mp4", "flower_av1.webm", "flower.webm",
        "coffee_vp9_odd427x239.webm", "bag.avi", "frog_mjpeg.avi", "friday_mpeg2_interlaced_tff.mpg", "nasa.mp4",
        "delayed_start.mp4", "redpandas.mp4",
    ])
    func keyFramesAndSpreadFramesMatchAFullDecode(name: String) throws {
        let path = try path(name)
        for sampling in [FrameSampling.keyframes, .count(3)] {
            func decode(_ strategy: DecodeStrategy) throws -> Decoded {
                try Decoded(.file(path), sampling) {
                    $0.strategy = strategy
                    $0.seekDistance = 0
                    $0.size = .exactly(width: 200, height: 120)
                }
            }
            #expect(try decode(.readThrough).matches(decode(.seek)))
        }
    }

    /// A pipe can't be scanned first, yet gives the same frames.
    @Test(arguments: ["dog_hevc.mp4", "flower.webm", "delayed_start.mp4", "car_vfr.mp4", "bag.avi", "pancake.mkv"])
    func aPipeGivesTheFramesOfTheFile(name: String) throws {
        let path = try path(name)
        for sampling in [FrameSampling.rate(1.7), .keyframes, .count(4)] {
            let small = FrameSize.exactly(width: 64, height: 48)
            let file = try Decoded(.file(path), sampling) { $0.size = small }
            let fifo = Clips.folder.appending(path: "fifo-\(name)-\(UInt32.random(in: 0 ... .max))").path
            #expect(mkfifo(fifo, 0o600) == 0)
            let feeder = Process()
            feeder.executableURL = URL(filePath: "/bin/sh")
            feeder.arguments = ["-c", "cat \"$1\" > \"$2\"", "sh", path, fifo]
            try feeder.run()
            let pipe = try Decoded(.file(fifo), sampling) { $0.size = small }
            #expect(file.matches(pipe), "\(sampling)")
            feeder.terminate()
        }
    }

    /// Against the `ffmpeg` command with the same accurate scaler flags, byte for byte.
    @Test(arguments: [
        ("blocks.mp4", ""), ("cockatoo_444.mp4", "in_color_matrix=bt709:"), ("dachshund_hevc10.mkv", ""),
        ("blocks_h264_10bit_opengop.mkv", ""), ("frog_mjpeg.avi", ""), ("flower_av1.webm", ""), ("bag.avi", ""),
        ("delayed_start.mp4", ""),
    ])
    func pixelsAreThoseOfTheCommand(name: String, matrix: String) throws {
        let path = try path(name)
        var options = DecodeOptions()
        options.sampling = .all
        let decoder = try VideoDecoder(.file(path), options: options)
        var ours: [UInt8] = []
        for _ in 0..<3 { ours += try #require(try decoder.next()).pixels }
        let theirs = try Clips.pixels(
            path, frames: 3,
            filter: "scale=iw:ih:\(matrix)flags=bicubic+accurate_rnd+full_chroma_int+bitexact")
        #expect(ours == theirs)
    }

    @Test func rotationTurnsThePicture() throws {
        for (name, quarter) in [
            ("dachshund_rot90.mp4", "transpose=cclock"), ("rot_m90.mov", "transpose=clock"),
            ("rot180.mov", "hflip,vflip"),
        ] {
            let path = try path(name)
            let ours = try #require(
                try Decoded(.file(path), .count(1)) {
                    $0.start = 0; $0.end = 0.01
                }.frames.first)
            let theirs = try Clips.pixels(
                path, frames: 1,
                filter: "scale=iw:ih:flags=bicubic+accurate_rnd+full_chroma_int+bitexact,format=rgb24,\(quarter)")
            #expect(ours.pixels == theirs, "\(name)")
        }
        #expect(try Decoded(.file(path("dachshund_rot90.mp4")), .count(1)).info.rotation == 270)
    }

    @Test func interlacedMaterialIsRebuiltFromItsTopField() throws {
        let path = try path("friday_mpeg2_interlaced_tff.mpg")
        let ours = try Decoded(.file(path), .all) { $0.end = 0.01 }
        #expect(ours.info.isInterlaced)
        #expect(ours.statistics.notices.contains { $0.hasPrefix("interlaced material") })
        let theirs = try Clips.pixels(
            path, frames: 1, filter: "field=top,scale=720:480:flags=bicubic+accurate_rnd+full_chroma_int+bitexact")
        #expect(ours.frames.first?.pixels == theirs)
    }

    @Test func resolutionChangeMidStream() throws {
        let changing = try Decoded(.file(path("dachshund_reschange.h264")), .all)
        #expect(changing.frames.count == 96)
        #expect(Set(changing.frames.map(\.width)) == [848, 424])
        #expect(changing.statistics.notices.contains { $0.contains("resolution changes") })
        #expect(changing.statistics.notices.contains { $0.hasPrefix("frames without timestamps") })
        let steps = zip(changing.frames, changing.frames.dropFirst()).map { $1.pts.seconds - $0.pts.seconds }
        #expect(steps.allSatisfy { abs($0 - 1.0 / 30) < 1e-6 })
    }

    @Test func streamsAreChosenByNumber() throws {
        let path = try path("dachshund_two_streams.mkv")
        let second = try Decoded(.file(path), .count(2)) { $0.stream = 1 }
        #expect((second.info.width, second.info.height) == (424, 232))
        #expect((second.info.videoStreams, second.info.stream) == (2, 1))
        #expect(throws: TokenReelError.self) { try Decoded(.file(path), .count(2)) { $0.stream = 2 } }
    }

    @Test func damageIsSkippedAndCounted() throws {
        for (name, least) in [
            ("broken_truncated_dog.mp4", 110), ("broken_truncated_flower.webm", 79),
            ("corrupted.mp4", 45), ("damaged.wmv", 500),
        ] {
            let clip = try Decoded(.file(path(name)), .all) { $0.size = .exactly(width: 32, height: 18) }
            #expect(clip.frames.count >= least, "\(name)")
            if name != "broken_truncated_flower.webm" { #expect(clip.statistics.decodeErrors > 0, "\(name)") }
        }
    }

    @Test(arguments: [1, 2, 5])
    func threadsDoNotChangeAByte(threads: Int) throws {
        let path = try path("dog_hevc.mp4")
        let one = try Decoded(.file(path), .count(5)) { $0.threads = 1 }
        let many = try Decoded(.file(path), .count(5)) { $0.threads = threads }
        #expect(one.matches(many))
    }
}
