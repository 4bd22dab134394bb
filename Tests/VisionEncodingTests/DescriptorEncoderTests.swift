import Foundation
import Testing
import TokenCore
import VisionEncoding

/// A repeatable source of noise.
struct Noise {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    /// Roughly normal, deviation 1: the sum of twelve uniform numbers less six.
    mutating func next() -> Float {
        (0..<12).reduce(-6) { sum, _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return sum + Float(state >> 40) / Float(1 << 24)
        }
    }
}

typealias Colour = (red: Float, green: Float, blue: Float)

/// Paints a frame, values in 0…255.
func picture(_ width: Int = 224, _ height: Int = 224, _ paint: (Int, Int) -> Colour) throws -> VideoFrame {
    var pixels: [UInt8] = []
    for y in 0..<height {
        for x in 0..<width {
            let colour = paint(x, y)
            for value in [colour.red, colour.green, colour.blue] {
                pixels.append(UInt8(min(max(value.rounded(), 0), 255)))
            }
        }
    }
    let base = try #require(Rational(1, 25))
    return VideoFrame(width: width, height: height, pixels: pixels, pts: MediaTime(ticks: 0, timeBase: base))
}

/// A textured scene: waves of several directions and tints.
func scene(_ x: Int, _ y: Int) -> Colour {
    let (u, v) = (Float(x), Float(y))
    let wave = 40 * sinf(u * 0.11 + v * 0.05) + 30 * sinf(v * 0.23 - u * 0.02) + 20 * sinf(u * 0.4)
    return (120 + wave + 0.3 * u, 110 + wave, 90 + wave * 0.5 + 0.3 * v)
}

struct Encoded {
    let tokens: [Float]
    let saliency: [Float]
    let channels: Int

    func token(_ cell: Int) -> ArraySlice<Float> { tokens[cell * channels..<(cell + 1) * channels] }

    func cosine(_ cell: Int, to other: Encoded, _ otherCell: Int? = nil) -> Float {
        zip(token(cell), other.token(otherCell ?? cell)).reduce(0) { $0 + $1.0 * $1.1 }
    }

    /// Ascending cosines of the tokens at the same place in another frame.
    func cosines(to other: Encoded) -> [Float] { saliency.indices.map { cosine($0, to: other) }.sorted() }
}

func encode(_ frame: VideoFrame, rows: Int = 14, columns: Int = 14) throws -> Encoded {
    let encoder = try DescriptorEncoder(rows: rows, columns: columns)
    let encoded = try encoder.encode(frame, signals: [.saliency])
    return Encoded(tokens: encoded.tokens, saliency: encoded.saliency ?? [], channels: encoder.channels)
}

@Suite struct DescriptorEncoderTests {
    @Test(arguments: [0, 128, 255] as [Float]) func flatFramesGiveUnitTokensWithoutSaliency(level: Float) throws {
        let flat = try encode(picture { _, _ in (level, level, level) })
        #expect(flat.tokens.allSatisfy { $0.isFinite })
        for cell in flat.saliency.indices {
            #expect(abs(flat.cosine(cell, to: flat) - 1) < 1e-5)
            #expect(flat.saliency[cell] < 1e-5)
        }
    }

    @Test func everyTokenHasUnitLengthAndSaliencyItsRange() throws {
        var noise = Noise(3)
        let wild = try encode(
            picture { _, _ in (128 + 90 * noise.next(), 128 + 90 * noise.next(), 255 * noise.next()) })
        for cell in wild.saliency.indices {
            #expect(abs(wild.cosine(cell, to: wild) - 1) < 1e-5)
            #expect(0...1 ~= wild.saliency[cell])
        }
    }

    @Test func cosineIsTheWeightedMeanOfTheGroups() throws {
        // Black and white flat patches agree in colour, layout and edges, and in nothing of brightness.
        let black = try encode(picture { _, _ in (0, 0, 0) })
        let white = try encode(picture { _, _ in (255, 255, 255) })
        #expect(abs(black.cosine(0, to: white) - 0.8) < 0.01)
        // Bumps a seventh of the range wide: exp(-d² / (4 s²)) for grey levels well inside the range.
        let (dark, light) = (102, 153) as (Float, Float)
        let distance = (light - dark) / 255 * 7
        let expected = 0.8 + 0.2 * expf(-distance * distance / 4)
        let cosine = try encode(picture { _, _ in (dark, dark, dark) })
            .cosine(0, to: encode(picture { _, _ in (light, light, light) }))
        #expect(abs(cosine - expected) < 0.01)
    }

    @Test func sensorNoiseKeepsTokens() throws {
        var noise = Noise(1)
        let clean = try encode(picture { scene($0, $1) })
        let noisy = try encode(
            picture { x, y in
                let colour = scene(x, y)
                return (colour.red + 5 * noise.next(), colour.green + 5 * noise.next(), colour.blue + 5 * noise.next())
            })
        #expect(clean.cosines(to: noisy)[0] > 0.9)
        // Flat patches have nothing but their noise to compare.
        let still = try encode(picture { _, _ in (130, 120, 100) })
        let grain = try encode(
            picture { _, _ in (130 + 5 * noise.next(), 120 + 5 * noise.next(), 100 + 5 * noise.next()) })
        #expect(still.cosines(to: grain)[0] > 0.9)
    }

    @Test func exposureDriftKeepsTokensAboveTheThreshold() throws {
        let before = try encode(picture { scene($0, $1) })
        for gain in [0.9, 1.1] as [Float] {
            let after = try encode(
                picture { x, y in
                    let colour = scene(x, y)
                    return (gain * colour.red, gain * colour.green, gain * colour.blue)
                })
            #expect(before.cosines(to: after)[0] > 0.8)
        }
    }

    @Test func shiftByAPixelKeepsTokens() throws {
        let before = try encode(picture { scene($0, $1) })
        let after = try encode(picture { x, y in scene(x + 1, y + 1) })
        #expect(before.cosines(to: after)[19] > 0.9)
    }

    @Test func movingObjectChangesItsPatchesOnly() throws {
        func frame(at left: Int) throws -> Encoded {
            try encode(
                picture { x, y in
                    left..<left + 32 ~= x && 96..<128 ~= y ? (220, 40, 30) : (110, 115, 120)
                })
        }
        let before = try frame(at: 32)
        let after = try frame(at: 128)
        for cell in before.saliency.indices {
            let (row, column) = cell.quotientAndRemainder(dividingBy: 14)
            let touched = 6...7 ~= row && [2, 3, 8, 9].contains(column)
            // Neighbours see the object's border in their gradients, one pixel wide.
            let near = 5...8 ~= row && (1...4 ~= column || 7...10 ~= column)
            // The two are about as light: colour takes away its 0.4, whatever brightness says.
            if touched { #expect(before.cosine(cell, to: after) < 0.6) }
            if !near { #expect(before.cosine(cell, to: after) > 0.9999) }
            if !touched { #expect(before.cosine(cell, to: after) > 0.8) }
            if touched && column < 4 { #expect(before.saliency[cell] > 0.3) }
        }
    }

    @Test func edgesTellDirectionsApart() throws {
        func stripes(_ dx: Float, _ dy: Float) throws -> Encoded {
            try encode(
                picture { x, y in
                    let level = 128 + 60 * sinf((Float(x) * dx + Float(y) * dy) * 0.8)
                    return (level, level, level)
                })
        }
        let upright = try stripes(1, 0)
        #expect(try upright.cosine(20, to: stripes(0, 1)) < 0.75)
        // Half a turn, and a phase shift, leave the orientation as it is.
        #expect(try upright.cosine(20, to: stripes(-1, 0)) > upright.cosine(20, to: stripes(1, 1)))
    }

    @Test func patchesSeeOnlyTheirPlace() throws {
        // The same content two patches to the right, on grids of unequal sides.
        let wide = try encode(picture(7 * 16, 3 * 16, scene), rows: 3, columns: 7)
        let moved = try encode(picture(7 * 16, 3 * 16) { x, y in scene(x + 32, y) }, rows: 3, columns: 7)
        for column in 3..<6 { #expect(wide.cosine(7 + column, to: moved, 7 + column - 2) > 0.9999) }
    }

    @Test func sameBytesEveryTime() throws {
        let frame = try picture { scene($0, $1) }
        let first = try encode(frame)
        let second = try encode(frame)
        #expect(first.tokens == second.tokens && first.saliency == second.saliency)
    }

    @Test(arguments: [(0, 14), (14, 0), (-1, 3), (257, 1), (Int.max, Int.max)])
    func hostileGridsAreRefused(rows: Int, columns: Int) {
        #expect { try DescriptorEncoder(rows: rows, columns: columns) } throws: {
            ($0 as? TokenReelError)?.code == .invalidArgument
        }
    }

    @Test func framesOfAnotherSizeAreRefused() throws {
        let encoder = try DescriptorEncoder(rows: 2, columns: 3)
        #expect(try encoder.encode(picture(48, 32, scene), signals: []).tokens.count == 480)
        for (width, height) in [(32, 48), (48, 31), (0, 0)] {
            #expect(throws: TokenReelError.self) { try encoder.encode(picture(width, height, scene), signals: []) }
        }
    }

    @Test func saliencyIsGivenWhereItIsAskedForAndNothingElse() throws {
        let encoder = try DescriptorEncoder(rows: 2, columns: 3)
        let frame = try picture(48, 32, scene)
        #expect(try encoder.encode(frame, signals: []).saliency == nil)
        let encoded = try encoder.encode(frame, signals: Set(Signal.allCases))
        #expect(encoded.saliency?.count == 6)
        #expect(encoded.maps.isEmpty && encoded.patchEmbeddings == nil && encoded.frameFeature == nil)
    }
}
