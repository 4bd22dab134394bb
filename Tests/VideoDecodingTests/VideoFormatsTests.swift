import Testing
import VideoDecoding

@Suite struct VideoFormatsTests {
    @Test func versionsNameTheLibraries() {
        let versions = VideoFormats.versions()
        #expect(versions.map(\.0) == ["libavformat", "libavcodec", "libswscale", "libavutil"])
        #expect(versions.allSatisfy { $0.1.split(separator: ".").count == 3 })
    }

    /// The installed FFmpeg must know what is promised, under the names by which it is checked.
    @Test func everyPromiseIsKept() throws {
        let decoders = String(decoding: try Clips.run("ffmpeg", "-v", "error", "-decoders"), as: UTF8.self)
        for name in VideoFormats.decoders { #expect(decoders.contains(" \(name) "), "decoder \(name)") }
        let demuxers = String(decoding: try Clips.run("ffmpeg", "-v", "error", "-demuxers"), as: UTF8.self)
            .split { " ,\n".contains($0) }.map(String.init)
        for name in VideoFormats.containers { #expect(demuxers.contains(name), "container \(name)") }
        // None of the demuxers that open further files or devices.
        for name in ["hls", "dash", "concat", "image2", "sdp", "lavfi", "applehttp", "imf", "webm_dash_manifest"] {
            #expect(!VideoFormats.containers.contains(name))
        }
    }
}
