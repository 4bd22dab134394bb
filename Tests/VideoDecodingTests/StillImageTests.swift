import Foundation
import Testing
import TokenCore
import VideoDecoding

@Suite struct StillImageTests {
    @Test func losslessPicturesComeBackExactly() throws {
        let path = try Clips.make("still.png", "-f", "lavfi", "-i", "testsrc=s=37x21", "-frames:v", "1")
        let image = try VideoDecoder.image(.file(path))
        #expect((image.width, image.height) == (37, 21))
        #expect(try image.pixels == Clips.pixels(path, frames: 1, filter: "null"))
        let small = try VideoDecoder.image(
            .memory([UInt8](Data(contentsOf: URL(filePath: path)))), size: .exactly(width: 8, height: 8))
        #expect((small.width, small.height) == (8, 8))
    }

    @Test func greyUsesItsFullRange() throws {
        let path = try Clips.make(
            "grey.png", "-f", "lavfi", "-i", "color=black:s=8x8,format=gray,geq=lum=X*36", "-frames:v", "1")
        let row = try VideoDecoder.image(.file(path)).pixels.prefix(24)
        #expect(Array(row) == (0..<8).flatMap { [UInt8](repeating: UInt8($0 * 36), count: 3) })
    }

    @Test(arguments: ["still.jpg", "still.webp"])
    func compressedPicturesAreClose(name: String) throws {
        let path = try Clips.make(
            name, "-f", "lavfi", "-i", "color=c=0xc04020:s=64x48", "-frames:v", "1", "-q:v",
            name.hasSuffix("jpg") ? "2" : "95")
        let image = try VideoDecoder.image(.file(path))
        #expect((image.width, image.height) == (64, 48))
        for (channel, value) in [0xc0, 0x40, 0x20].enumerated() {
            #expect(abs(Int(image.pixels[(24 * 64 + 32) * 3 + channel]) - value) <= 6, "channel \(channel)")
        }
    }

    @Test func orientationTagsTurnTheImage() throws {
        let path = try Clips.make("plain.jpg", "-f", "lavfi", "-i", "testsrc=s=48x32", "-frames:v", "1", "-q:v", "2")
        var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        let plain = try VideoDecoder.image(.memory(bytes))
        // An EXIF block with one tag: orientation 6, a quarter turn clockwise.
        let exif: [UInt8] =
            Array("Exif\0\0MM\0*".utf8) + [0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0]
        bytes.insert(contentsOf: [0xff, 0xe1, 0, UInt8(exif.count + 2)] + exif, at: 2)
        let turned = try VideoDecoder.image(.memory(bytes))
        #expect((turned.width, turned.height) == (32, 48))
        for (x, y) in [(0, 0), (31, 0), (5, 40), (31, 47)] {
            let there = (y * 32 + x) * 3
            let here = ((31 - x) * 48 + y) * 3
            #expect(Array(turned.pixels[there..<there + 3]) == Array(plain.pixels[here..<here + 3]), "\(x), \(y)")
        }
    }

    @Test func whatIsNoImageIsRefused() throws {
        let clip = try Clips.make("moving.mp4", "-f", "lavfi", "-i", "testsrc=d=0.2:s=32x32:r=10")
        #expect(throws: TokenReelError.self) { try VideoDecoder.image(.file(clip)) }
        let big = try Clips.make("big.png", "-f", "lavfi", "-i", "color=s=6000x6000", "-frames:v", "1")
        do {
            _ = try VideoDecoder.image(.file(big))
            Issue.record("36 million pixels were accepted")
        } catch {
            #expect(error.code == .limitExceeded, "\(error)")
        }
        // And a picture is no video.
        #expect(throws: TokenReelError.self) { try VideoDecoder(.file(big)) }
    }
}
