import Foundation
import TestSupport
import Testing
import TokenCore
import VideoDecoding

/// Damaged copies of small clips: whatever the bytes, decoding ends soon, with frames or with a typed error.
///
/// `TOKENREEL_MUTATIONS` sets the number of copies of each clip; the seeds are fixed.
@Suite struct MutationTests {
    private static let copies = ProcessInfo.processInfo.environment["TOKENREEL_MUTATIONS"].flatMap { Int($0) } ?? 12

    private static let clips: [(String, [String])] = [
        ("m.mp4", ["-c:v", "libx264", "-g", "5"]), ("m.mkv", ["-c:v", "libx264", "-bf", "2"]),
        ("m.webm", ["-c:v", "libvpx", "-g", "5"]), ("m.avi", ["-c:v", "mpeg4"]), ("m.ts", ["-c:v", "mpeg2video"]),
        ("m.flv", ["-c:v", "flv1"]), ("m.ogv", ["-c:v", "libtheora"]), ("m.mov", ["-c:v", "prores"]),
        ("m.wmv", ["-c:v", "wmv2"]), ("m.h264", ["-c:v", "libx264"]), ("m.gif", []), ("m2.mp4", ["-c:v", "libx265"]),
        ("m3.mkv", ["-c:v", "ffv1"]), ("m4.avi", ["-c:v", "mjpeg"]), ("m5.webm", ["-c:v", "libvpx-vp9"]),
    ]

    @Test(.timeLimit(.minutes(10)), arguments: clips.indices)
    func damagedCopiesEndWell(number: Int) throws {
        let (name, encoder) = Self.clips[number]
        let path = Clips.folder.appending(path: name).path
        try Clips.run(
            ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=d=1:s=96x64:r=25,format=yuv420p"]
                + (name == "m.mov" ? ["-pix_fmt", "yuv422p10le"] : []) + encoder + [path])
        let sound = [UInt8](try Data(contentsOf: URL(filePath: path)))
        var random = SplitMix(state: UInt64(number) &* 1000)
        var survivors = 0
        for copy in 0..<Self.copies {
            var bytes = sound
            switch copy % 4 {
            case 0:
                for _ in 0..<Int.random(in: 1...8, using: &random) {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                }
            case 1: bytes.removeLast(Int.random(in: 1..<bytes.count, using: &random))
            case 2:
                // The front, where the headers are.
                for _ in 0..<4 {
                    bytes[Int.random(in: 0..<min(bytes.count, 600), using: &random)] = .random(
                        in: 0 ... .max, using: &random)
                }
            default:
                let lower = Int.random(in: 0..<bytes.count - 1, using: &random)
                let upper = Int.random(in: lower + 1...min(lower + 2000, bytes.count), using: &random)
                let patch = Array(bytes[lower..<upper])
                bytes.insert(contentsOf: patch, at: Int.random(in: 0..<bytes.count, using: &random))
            }
            let sampling: FrameSampling = [.all, .rate(7), .count(3), .keyframes][copy / 4 % 4]
            let clock = ContinuousClock()
            let begin = clock.now
            do {
                let result = try Decoded(.memory(bytes), sampling) {
                    $0.limits.pixelsPerFrame = 1 << 20
                    $0.limits.decodedFrames = 10_000
                    $0.limits.seconds = 20
                    $0.seekDistance = 0
                }
                let ascending = zip(result.ticks, result.ticks.dropFirst()).allSatisfy { $0 < $1 }
                #expect(ascending, "copy \(copy) of \(name)")
                survivors += result.frames.isEmpty ? 0 : 1
            } catch {
                #expect(error is TokenReelError, "copy \(copy) of \(name)")
            }
            #expect(clock.now - begin < .seconds(20), "copy \(copy) of \(name)")
        }
        // Most damage leaves something to see; a decoder that gives up at once would show here.
        #expect(survivors * 4 >= Self.copies, "\(name): \(survivors) of \(Self.copies)")
    }
}
