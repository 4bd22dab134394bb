import Foundation
import TestSupport
import Testing
import TokenCore
import VisionEncoding

private let fixtures = SharedFiles.package.appending(path: "Tests/VisionEncodingTests/Fixtures/preprocessing")

/// The picture of `scripts/make-preprocessing-fixtures.py`.
private func patterned(_ width: Int, _ height: Int) -> VideoFrame {
    var pixels: [UInt8] = []
    for y in 0..<height {
        for x in 0..<width {
            for c in 0..<3 {
                let value = x * x / 7 + y * 3 + c * 50 + ((x / 9 + y / 5) & 1) * 120 + (x * y) % 31
                pixels.append(UInt8(truncatingIfNeeded: value))
            }
        }
    }
    return VideoFrame(width: width, height: height, pixels: pixels, pts: MediaTime(ticks: 3, timeBase: .oneSecond))
}

extension Rational {
    fileprivate static let oneSecond = Rational(1, 1) ?? { preconditionFailure() }()
}

@Suite struct PreprocessingParityTests {
    private struct Case: Decodable {
        let width: Int
        let height: Int
        let outputWidth: Int
        let outputHeight: Int
    }

    private struct Resizes: Decodable {
        struct Resize: Decodable {
            let from: [Int]
            let to: [Int]
            let filter: String
            let checksum: String
        }
        let resizes: [Resize]
    }

    private static func floats(_ url: URL) throws -> [Float]? {
        guard FileManager.default.fileExists(atPath: url.path) else { return nil }
        let data = try Data(contentsOf: url)
        return data.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).map { bytes.loadUnaligned(fromByteOffset: $0, as: Float.self) }
        }
    }

    @Test(arguments: [
        "clip-landscape", "clip-portrait", "clip-old", "clip-framed", "clip-cut", "siglip-down", "siglip-up",
        "siglip-width-kept", "siglip2-bilinear", "siglip-raw", "onevision", "onevision-joint",
    ])
    func equalsTheReferenceProcessors(name: String) throws {
        let folder = fixtures.appending(path: name)
        let expected = try JSONDecoder().decode(
            Case.self, from: Data(contentsOf: folder.appending(path: "case.json")))
        let preprocessor = try ImagePreprocessor(folder: folder.path)
        #expect(preprocessor.outputSize == (expected.outputWidth, expected.outputHeight))
        let frame = patterned(expected.width, expected.height)
        let pixels = preprocessor.pixels(of: frame)
        let resized = preprocessor.resized(frame)
        #expect(resized.pts == frame.pts)
        // The numbers of two neighbouring levels, from the picture itself.
        let level = (1 / 255.0 as Float) / Float(preprocessor.settings.std?.min() ?? 1)

        let torchvision = try #require(try Self.floats(folder.appending(path: "torchvision.f32")))
        #expect(torchvision.count == pixels.count)
        let differences = zip(pixels, torchvision).map { abs($0 - $1) }
        #expect((differences.max() ?? 0) < level * 1.01)
        #expect(differences.count { $0 > level / 2 } * 20 <= pixels.count, "more than 5 % of pixels a level apart")

        if let pillow = try Self.floats(folder.appending(path: "pillow.f32")) {
            #expect(pillow.count == pixels.count)
            #expect(zip(pixels, pillow).allSatisfy { abs($0 - $1) < 1e-5 })
        }
    }

    @Test func resizesEqualPillowBitForBit() throws {
        let data = try Data(contentsOf: fixtures.appending(path: "resizes.json"))
        let resizes = try JSONDecoder().decode(Resizes.self, from: data).resizes
        #expect(resizes.count == 14)
        for resize in resizes {
            let preprocessor = try ImagePreprocessor(
                PreprocessorSettings(
                    size: .exact(width: resize.to[0], height: resize.to[1]),
                    filter: resize.filter == "bicubic" ? .bicubic : .bilinear))
            let resized = preprocessor.resized(patterned(resize.from[0], resize.from[1]))
            var checksum: UInt64 = 0xCBF2_9CE4_8422_2325
            for byte in resized.pixels { checksum = (checksum ^ UInt64(byte)) &* 0x100_0000_01B3 }
            let text = String(checksum, radix: 16)
            #expect(String(repeating: "0", count: 16 - text.count) + text == resize.checksum, "\(resize)")
        }
    }
}

@Suite struct PreprocessingTests {
    @Test func patchesAreThePixelsInAnotherOrder() throws {
        let side = 5
        let preprocessor = try ImagePreprocessor(
            PreprocessorSettings(
                size: .exact(width: 22, height: 19), mean: [0.5, 0.25, 0.1], std: [0.5, 0.4, 0.3]))
        let frame = patterned(50, 40)
        let pixels = preprocessor.pixels(of: frame)
        let patches = preprocessor.patches(of: frame, side: side)
        #expect(patches.count == 3 * 4 * 3 * side * side)
        var index = 0
        for row in 0..<3 {
            for column in 0..<4 {
                for colour in 0..<3 {
                    for y in 0..<side {
                        for x in 0..<side {
                            let pixel = (colour * 19 + row * side + y) * 22 + column * side + x
                            #expect(patches[index] == pixels[pixel])
                            index += 1
                        }
                    }
                }
            }
        }
    }

    @Test func cuttingIsTheMiddleOfTheWholeResize() throws {
        // The cut computes only what it shows; the values must be those of the whole picture.
        let frame = patterned(131, 77)
        let whole = try ImagePreprocessor(PreprocessorSettings(size: .exact(width: 86, height: 51))).resized(frame)
        let cut = try ImagePreprocessor(
            PreprocessorSettings(size: .exact(width: 86, height: 51), crop: .init(width: 31, height: 60))
        ).resized(frame)
        for y in 0..<60 {
            for x in 0..<31 {
                let pixel = cut.pixels[(y * 31 + x) * 3..<(y * 31 + x) * 3 + 3]
                if (4..<55).contains(y) {
                    let start = ((y - 4) * 86 + x + 27) * 3
                    #expect(pixel.elementsEqual(whole.pixels[start..<start + 3]))
                } else {
                    #expect(pixel.elementsEqual([0, 0, 0]))
                }
            }
        }
    }

    @Test func extremeShapesCostNoMoreThanTheirCut() throws {
        // The whole resize would have 224 x 448,000 pixels.
        let frame = patterned(1, 2000)
        let preprocessor = try ImagePreprocessor(
            PreprocessorSettings(size: .shortestEdge(224), crop: .init(width: 224, height: 224)))
        let middle = preprocessor.resized(frame)
        #expect(middle.pixels.count == 224 * 224 * 3)
        #expect(Set(middle.pixels).count > 1)
    }

    @Test func flatPicturesStayFlat() throws {
        for level: UInt8 in [0, 1, 127, 254, 255] {
            let frame = VideoFrame(
                width: 37, height: 29, pixels: Array(repeating: level, count: 37 * 29 * 3),
                pts: MediaTime(ticks: 0, timeBase: .oneSecond))
            for filter in [PreprocessorSettings.Filter.bilinear, .bicubic] {
                let preprocessor = try ImagePreprocessor(
                    PreprocessorSettings(size: .exact(width: 50, height: 11), filter: filter))
                #expect(preprocessor.resized(frame).pixels.allSatisfy { $0 == level })
            }
        }
    }

    @Test(arguments: [
        PreprocessorSettings(size: .shortestEdge(224)), PreprocessorSettings(size: .unchanged),
        PreprocessorSettings(size: .exact(width: 0, height: 5)),
        PreprocessorSettings(size: .exact(width: 5, height: 1 << 40)),
        PreprocessorSettings(size: .exact(width: 5, height: 5), rescaleFactor: 0),
        PreprocessorSettings(size: .exact(width: 5, height: 5), mean: [0, 0, 0], std: [1, 0, 1]),
        PreprocessorSettings(size: .exact(width: 5, height: 5), mean: [0, 0], std: [1, 1, 1]),
        PreprocessorSettings(size: .exact(width: 5, height: 5), mean: [0, .nan, 0], std: [1, 1, 1]),
    ])
    func refusesSettingsThatMakeNoSense(settings: PreprocessorSettings) {
        #expect { try ImagePreprocessor(settings) } throws: {
            ($0 as? TokenReelError)?.code == .invalidArgument
        }
    }
}

@Suite struct PreprocessingFileTests {
    private func error(_ files: [String: String]) throws -> TokenReelError? {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files { try Data(text.utf8).write(to: folder.appending(path: name)) }
        do throws(TokenReelError) {
            _ = try ImagePreprocessor(folder: folder.path)
            return nil
        } catch { return error }
    }

    @Test(arguments: [
        (#"{"image_processor_type": "SiglipImageProcessor", "size": {"height": 0, "width": 3}}"#, "size", "0"),
        (
            #"{"image_processor_type": "SiglipImageProcessor", "size": {"height": 99999999, "width": 3}}"#, "size",
            "99999999"
        ),
        (#"{"image_processor_type": "SiglipImageProcessor", "size": {"longest_edge": 3}}"#, "size", "{longest_edge}"),
        (#"{"image_processor_type": "SiglipImageProcessor", "size": 2.5}"#, "size", "2.5"),
        (#"{"image_processor_type": "SiglipImageProcessor", "resample": 1}"#, "resample", "1"),
        (#"{"image_processor_type": "SiglipImageProcessor", "resample": "bicubic"}"#, "resample", "\"bicubic\""),
        (#"{"image_processor_type": "SiglipImageProcessor", "do_resize": 1}"#, "do_resize", "1"),
        (#"{"image_processor_type": "SiglipImageProcessor", "image_std": [1, 0, 1]}"#, "image_std", "an array of 3"),
        (#"{"image_processor_type": "SiglipImageProcessor", "image_mean": [1, 1]}"#, "image_mean", "an array of 2"),
        (#"{"image_processor_type": "SiglipImageProcessor", "rescale_factor": 0}"#, "rescale_factor", "0"),
        (#"{"image_processor_type": "Siglip2ImageProcessor"}"#, "image_processor_type", "\"Siglip2ImageProcessor\""),
        (#"{"size": {"height": 3, "width": 3}}"#, "image_mean", "nothing"),
        (#"{"image_mean": 0, "image_std": 1}"#, "size", "nothing"),
        ("[]", "settings", "an array of 0"),
    ])
    func namesFileAndKey(text: String, key: String, found: String) throws {
        let error = try #require(try error(["preprocessor_config.json": text]))
        #expect(error.subject.hasSuffix("preprocessor_config.json, \(key)"))
        #expect(error.found == found)
        #expect(error.allowed != nil)
    }

    @Test func namesTheByteOfBadJSON() throws {
        let error = try #require(try error(["preprocessor_config.json": #"{"size": 3,}"#]))
        #expect(error.code == .unreadableInput)
        #expect(error.description.contains("at byte 11"))
    }

    @Test func saysWhichFilesItLookedFor() throws {
        let error = try #require(try error([:]))
        #expect(error.allowed?.contains("preprocessor_config.json") == true)
    }

    @Test func refusesASizeThatFollowsTheFrame() throws {
        let text = #"{"size": {"shortest_edge": 5}, "do_center_crop": false, "image_mean": 0, "image_std": 1}"#
        let error = try #require(try error(["preprocessor_config.json": text]))
        #expect(error.code == .invalidArgument)
    }

    @Test func takesDefaultsOfTheClass() throws {
        #expect(try error(["preprocessor_config.json": #"{"image_processor_type": "CLIPImageProcessorFast"}"#]) == nil)
        #expect(try error(["preprocessor_config.json": #"{"feature_extractor_type": "SiglipImageProcessor"}"#]) == nil)
    }
}
