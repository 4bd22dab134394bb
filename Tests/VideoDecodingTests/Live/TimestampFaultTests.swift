import Foundation
import Testing
import TokenCore
import VideoDecoding

/// Streams whose timestamps are wrong in some way: the times that come out strictly increase, and each is within one
/// frame of when its picture was taken.
@Suite(.timeLimit(.minutes(2))) struct TimestampFaultTests {
    typealias Change = @Sendable (_ number: Int, inout TransportStream.Stamps) -> Void

    private static let second: Int64 = 90000
    private static let wrap: Int64 = 1 << 33
    /// What the first picture's timestamp is as FFmpeg's muxer writes it, less a little.
    private static let beginning: Int64 = 126000

    /// Faults of single timestamps, each tried with and without pictures that are stored out of order.
    static let faults: [(name: String, change: Change)] = [
        ("sound", { _, _ in }),
        ("wraps in the middle", { _, stamps in stamps.shift(wrap - beginning - 2 * second) }),
        ("wraps after the first", { _, stamps in stamps.shift(wrap - beginning - 1800) }),
        ("starts below zero", { _, stamps in stamps.shift(wrap - beginning - second / 2) }),
        ("jumps back by 1 s", { number, stamps in if number >= 50 { stamps.shift(-second) } }),
        ("jumps back by an hour", { number, stamps in stamps.shift(number >= 50 ? second : 3601 * second) }),
        ("jumps back by half a second", { number, stamps in if number >= 50 { stamps.shift(-second / 2) } }),
        ("jumps back twice", { number, stamps in stamps.shift(-Int64(number / 36) * second / 2) }),
        ("one missing", { number, stamps in if number == 41 { stamps.pts = nil } }),
        ("each second one missing", { number, stamps in if number % 2 == 1 { stamps.pts = nil } }),
        ("all but each tenth missing", { number, stamps in if number % 10 != 0 { stamps.pts = nil } }),
        ("all missing after the first second", { number, stamps in if number > 25 { stamps.pts = nil } }),
        ("one doubled", { number, stamps in if number == 41 { stamps.shift(-3600) } }),
        ("each fifth doubled", { number, stamps in if number % 5 == 4 { stamps.shift(-3600) } }),
        ("one a second ahead", { number, stamps in if number == 41 { stamps.shift(second) } }),
        ("one an hour ahead", { number, stamps in if number == 41 { stamps.shift(3600 * second) } }),
        ("one a second behind", { number, stamps in if number == 41 { stamps.shift(-second) } }),
        ("one at zero", { number, stamps in if number == 41 { (stamps.pts, stamps.dts) = (0, 0) } }),
        ("each tenth a second ahead", { number, stamps in if number % 10 == 5 { stamps.shift(second) } }),
        (
            "frozen for half a second",
            { number, stamps in
                if number > 41, number < 53 { stamps.shift(-3600 * Int64(number - 41)) }
            }
        ),
        ("jitters by a third of a frame", { number, stamps in stamps.shift(Int64(number * 7919 % 2400) - 1200) }),
    ]

    private static let clips = Result {
        try [0, 2].map { count in
            try TransportStream(
                NumberedClip.make("numbered-\(count).ts", "-c:v", "libx264", "-bf", "\(count)", "-g", "25"))
        }
    }

    /// Checks what comes of a stream; `taken` tells when the picture of a number was taken.
    private func check(
        _ path: String, _ name: String, atLeast count: Int = NumberedClip.count - 4,
        taken: (Int) -> Double = { Double($0) * NumberedClip.interval }
    ) throws {
        let seen = try Watched(path, rate: 1000)
        #expect(seen.hasEnded && seen.gaps.isEmpty, "\(name) \(seen.gaps)")
        #expect(seen.frames.count >= count, "\(name): \(seen.frames.count) frames")
        #expect(zip(seen.ticks, seen.ticks.dropFirst()).allSatisfy(<), "\(name)")
        guard let first = seen.frames.first.map(NumberedClip.number) else { return }
        var last = -1
        for (frame, second) in zip(seen.frames, seen.seconds) {
            // Joined clips count from 0 again.
            var number = NumberedClip.number(frame)
            if number <= last % 100 { number += 100 * (last / 100 + 1) } else { number += last / 100 * 100 }
            last = number
            let error = second - (taken(number) - taken(first))
            #expect(abs(error) < NumberedClip.interval + 0.002, "\(name): picture \(number) is \(error) s off")
            if abs(error) >= NumberedClip.interval + 0.002 { return }
        }
    }

    @Test(arguments: faults.indices, [0, 1])
    func transportStreams(number: Int, reordered: Int) throws {
        let (name, change) = Self.faults[number]
        var clip = try Self.clips.get()[reordered]
        clip.restamp(change)
        try check(Clips.write("fault-\(number)-\(reordered).ts", clip.bytes), "\(name), \(reordered)")
    }

    /// Recordings one after the other, each with a clock that starts anew.
    @Test(arguments: [0, 1]) func joinedRecordings(reordered: Int) throws {
        var clip = try Self.clips.get()[reordered]
        clip.bytes = clip.bytes + clip.bytes + clip.bytes
        try check(Clips.write("joined-\(reordered).ts", clip.bytes), "joined", atLeast: 290)
    }

    @Test(arguments: [
        "variable.mkv", "variable.mp4", "milliseconds.flv", "order.h264", "decoding-times.avi", "below-zero.mkv",
        "edited.mp4", "late.mkv", "program.mpg",
    ])
    func otherContainers(name: String) throws {
        let clip = try NumberedClip.make("numbered.mp4", "-c:v", "libx264", "-bf", "2", "-g", "25")
        let variable = ["-vf", "select='lt(mod(n,9),5)'", "-vsync", "vfr", "-c:v", "libx264", "-bf", "2"]
        let arguments: [String: [String]] = [
            "variable.mkv": variable, "variable.mp4": variable, "milliseconds.flv": ["-c", "copy"],
            "order.h264": ["-c", "copy"], "decoding-times.avi": ["-c:v", "mpeg4", "-bf", "0", "-q:v", "2"],
            "below-zero.mkv": ["-c", "copy", "-output_ts_offset", "-3", "-avoid_negative_ts", "disabled"],
            "edited.mp4": ["-c", "copy"], "late.mkv": ["-c", "copy", "-output_ts_offset", "5000"],
            "program.mpg": ["-c:v", "mpeg2video", "-bf", "2", "-q:v", "2"],
        ]
        let start = name == "edited.mp4" ? ["-ss", "0.9"] : []
        let path = try Clips.make(name, start + ["-i", clip] + (arguments[name] ?? []))
        try check(path, name, atLeast: name.hasPrefix("variable") ? 54 : name == "edited.mp4" ? 70 : 96)
    }
}
