public import TokenCore

extension DescriptorEncoder {
    /// Two vectors nearer than this say the same thing, and the first is enough.
    private static let duplicate: Float = 0.95

    /// Describes an exemplar, a picture cut closely around a thing, at four sizes: as if it filled 1, 2, 3 and 4 patches
    /// of a frame across and down.
    ///
    /// Only patches whose centre lies in the middle half of the exemplar count, since a rectangle around a thing shows
    /// mostly background near its corners. That gives ten vectors; near-duplicates are dropped.
    ///
    /// - Returns: 1…10 vectors of unit length.
    /// - Throws: ``TokenReelError/Code/invalidArgument`` if the picture has no pixels.
    public func query(from image: VideoFrame) throws(TokenReelError) -> Query {
        guard image.width > 0, image.height > 0 else {
            throw TokenReelError(
                .invalidArgument, subject: "query image", found: "\(image.width) x \(image.height) pixels",
                allowed: "a picture with at least one pixel")
        }
        var vectors: [Float] = []
        for side in 1...4 {
            let scale = try DescriptorEncoder(rows: side, columns: side)
            let pixels = side * Self.patchSide
            let frame = AreaAverage(image).scaled(toWidth: pixels, height: pixels)
            let tokens = try scale.encode(frame, signals: []).tokens
            // Centres lie at (2 i + 1) / (2 side); the middle half is 1/4…3/4.
            let middle = (0..<side).filter { side <= 2 * (2 * $0 + 1) && 2 * (2 * $0 + 1) <= 3 * side }
            for row in middle {
                for column in middle {
                    let start = (row * side + column) * channels
                    let token = tokens[start..<start + channels]
                    if !repeats(token, in: vectors) { vectors.append(contentsOf: token) }
                }
            }
        }
        return try Query(vectors: vectors, channels: channels)
    }

    private func repeats(_ token: ArraySlice<Float>, in vectors: [Float]) -> Bool {
        stride(from: 0, to: vectors.count, by: channels).contains { start in
            zip(token, vectors[start..<start + channels]).reduce(0) { $0 + $1.0 * $1.1 } > Self.duplicate
        }
    }
}

/// Scaling by area: a target pixel is the mean of the source area that it covers, edges by their share.
///
/// Down-scaling loses no source pixel; up-scaling repeats pixels.
struct AreaAverage {
    private let image: VideoFrame

    init(_ image: VideoFrame) { self.image = image }

    func scaled(toWidth width: Int, height: Int) -> VideoFrame {
        let across = Self.shares(of: image.width, into: width)
        let down = Self.shares(of: image.height, into: height)
        var pixels: [UInt8] = []
        pixels.reserveCapacity(width * height * 3)
        for (top, vertical) in down {
            for (left, horizontal) in across {
                var sum = SIMD3<Float>.zero
                for (dy, tall) in vertical.enumerated() {
                    for (dx, wide) in horizontal.enumerated() {
                        let start = ((top + dy) * image.width + left + dx) * 3
                        let pixel = SIMD3<UInt8>(
                            image.pixels[start], image.pixels[start + 1], image.pixels[start + 2])
                        sum += SIMD3<Float>(pixel) * (tall * wide)
                    }
                }
                let mean = SIMD3<UInt8>((sum + 0.5).clamped(lowerBound: .zero, upperBound: .init(repeating: 255)))
                pixels.append(contentsOf: [mean.x, mean.y, mean.z])
            }
        }
        return VideoFrame(width: width, height: height, pixels: pixels, pts: image.pts)
    }

    /// For each of `targets` equal parts of a line of `sources` pixels: its first pixel, and the shares of the pixels
    /// from there on, which sum to 1.
    static func shares(of sources: Int, into targets: Int) -> [(first: Int, shares: [Float])] {
        (0..<targets).map { target in
            // In units of 1/targets of a pixel, so that everything up to the share itself is exact.
            let start = target * sources
            let end = start + sources
            let first = start / targets
            let last = (end - 1) / targets
            let shares = (first...last).map { pixel in
                Float(min(end, (pixel + 1) * targets) - max(start, pixel * targets)) / Float(sources)
            }
            return (first, shares)
        }
    }
}
