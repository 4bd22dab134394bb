import TestSupport
import Testing
import TokenCore
import VisionEncoding

@Suite struct PairedEncoderTests {
    private func frame() throws -> VideoFrame {
        VideoFrame(
            width: 90, height: 70,
            pixels: (0..<90 * 70 * 3).map { UInt8(truncatingIfNeeded: $0 * 37 ^ ($0 >> 5)) },
            pts: MediaTime(ticks: 0, timeBase: try #require(Rational(1, 1))))
    }

    private func paired(rows: Int, columns: Int) throws -> PairedEncoder {
        try PairedEncoder(
            try DescriptorEncoder(rows: rows, columns: columns),
            patchesFrom: try CheckpointFolder(TinyCheckpoints.path("clip")))
    }

    /// The tiny CLIP tower's own five by five patches.
    private func patches() throws -> [Float] {
        let tower = try VisionTower(try CheckpointFolder(TinyCheckpoints.path("clip")))
        return try #require(try tower.encode(try frame(), signals: [.patchEmbeddings]).patchEmbeddings)
    }

    @Test func patchesOfTheSameGridAreTakenAsTheyAre() throws {
        let encoded = try paired(rows: 5, columns: 5).encode(try frame(), signals: [])
        let isSame = encoded.patchEmbeddings == (try patches())
        #expect(isSame)
        #expect(encoded.tokens.count == 25 * 80 && encoded.saliency == nil)
    }

    @Test func otherGridsGetMeansByArea() throws {
        let patches = try patches()
        func patch(_ row: Int, _ column: Int, _ channel: Int) -> Float { patches[(row * 5 + column) * 20 + channel] }
        // Two cells across cover two and a half patches each; ten down cover half a patch each.
        let embeddings = try #require(
            try paired(rows: 10, columns: 2).encode(try frame(), signals: []).patchEmbeddings)
        #expect(embeddings.count == 20 * 20)
        for row in 0..<10 {
            for channel in 0..<20 {
                let left =
                    (patch(row / 2, 0, channel) + patch(row / 2, 1, channel) + patch(row / 2, 2, channel) / 2) / 2.5
                let right =
                    (patch(row / 2, 2, channel) / 2 + patch(row / 2, 3, channel) + patch(row / 2, 4, channel)) / 2.5
                #expect(abs(embeddings[row * 40 + channel] - left) < 1e-5)
                #expect(abs(embeddings[row * 40 + 20 + channel] - right) < 1e-5)
            }
        }
    }

    @Test func everythingElseIsTheFirstEncoders() throws {
        let llava = try VisionTower(try CheckpointFolder(TinyCheckpoints.path("llava-onevision-f16")))
        let paired = try PairedEncoder(llava, patchesFrom: try CheckpointFolder(TinyCheckpoints.path("siglip")))
        #expect(paired.name == llava.name && paired.channels == llava.channels && paired.rows == llava.rows)
        #expect(paired.newline == llava.newline && paired.signals == llava.signals.union([.patchEmbeddings]))
        #expect(paired.facts["space"] == "pooled" && paired.facts["query_model"]?.hasPrefix("siglip ") == true)
        let frame = try frame()
        let encoded = try paired.encode(frame, signals: [.saliency, .objectSaliency])
        let alone = try llava.encode(frame, signals: [.saliency, .objectSaliency])
        let isSame = encoded.tokens == alone.tokens && encoded.saliency == alone.saliency && encoded.maps == alone.maps
        #expect(isSame && alone.maps.count == 1)
        #expect(encoded.patchEmbeddings?.count == 9 * 36)
        #expect(try paired.picture(of: frame).pixels == llava.picture(of: frame).pixels)
        #expect(try paired.query(from: frame).vectors == llava.query(from: frame).vectors)
    }

    @Test func framesAreScaledForAnEncoderOfOneSize() throws {
        let paired = try paired(rows: 2, columns: 3)
        #expect(paired.frameSize == nil)
        let picture = try paired.picture(of: try frame())
        #expect(picture.width == 48 && picture.height == 32)
        let descriptor = try DescriptorEncoder(rows: 2, columns: 3)
        let isSame =
            try paired.encode(try frame(), signals: [.saliency]).tokens
            == descriptor.encode(picture, signals: [.saliency]).tokens
        #expect(isSame)
        let empty = VideoFrame(width: 0, height: 0, pixels: [], pts: try frame().pts)
        #expect(throws: TokenReelError.self) { try paired.encode(empty, signals: []) }
    }

    @Test(arguments: ["llava-onevision-f16", "clip-vision-bf16"])
    func modelsThatShareNoSpaceWithTextAreRefused(_ name: String) throws {
        let error = #expect(throws: TokenReelError.self) {
            try PairedEncoder(try DescriptorEncoder(), patchesFrom: try CheckpointFolder(TinyCheckpoints.path(name)))
        }
        #expect(error?.code == .unsupportedInput)
    }
}
