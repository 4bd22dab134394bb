public import TokenCore

/// The built-in encoder: training-free descriptors of 16 x 16 pixel patches, for video without a vision tower.
///
/// A token joins four groups of channels, each of unit length and scaled by the square root of its weight, so that a
/// token has unit length and **the cosine of two tokens is the weighted mean of the groups' own cosines**:
///
/// | group | channels | weight | what it says | source |
/// |---|---|---|---|---|
/// | `Brightness` | 8 | 0.2 | how light | population code |
/// | `Colour` | 25 | 0.4 | which hue and how strong | population code |
/// | `ColourLayout` | 14 | 0.1 | coarse shading inside the patch | MPEG-7 Color Layout Descriptor |
/// | `EdgeHistogram` | 33 | 0.3 | where edges lie and how they run | Dalal & Triggs 2005; MPEG-7 Edge Histogram |
///
/// Sensor noise and compression leave a still camera's tokens above 0.95, so thresholds made for vision towers (0.8 in
/// HoliTom) separate what moved from what stayed. Across a cut the mean cosine falls to 0.55…0.7 and not to 0: flat
/// patches have edges and layout in common, and two pictures that share a wall or a sky really are alike there.
///
/// Input: frames of `columns * 16` by `rows * 16` pixels, not keeping the aspect ratio, as vision towers do.
/// Output: `[rows, columns, 80]` tokens of unit length, and saliency in 0…1.
/// Cost: about 60 multiplications and one square root a pixel; about a millisecond for the default 14 x 14 patches.
public struct DescriptorEncoder: FrameEncoder {
    /// Pixels along one side of a patch.
    public static let patchSide = 16
    /// The largest number of rows or columns.
    public static let largestGrid = 256

    /// `descriptor`.
    public let name = "descriptor"
    /// Token rows of a frame.
    public let rows: Int
    /// Token columns of a frame.
    public let columns: Int
    /// 80.
    public var channels: Int { Self.channels }
    /// Saliency.
    public let signals: Set<Signal> = [.saliency]
    /// 16 pixels for each row and column.
    public var frameSize: (width: Int, height: Int)? { (columns * Self.patchSide, rows * Self.patchSide) }

    static let channels = Brightness.channels + Colour.channels + ColourLayout.channels + EdgeHistogram.channels

    /// Makes an encoder for a grid of patches; the default has as many as LLaVA-OneVision gives a frame.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for a side outside 1…256.
    public init(rows: Int = 14, columns: Int = 14) throws(TokenReelError) {
        guard 1...Self.largestGrid ~= rows, 1...Self.largestGrid ~= columns else {
            throw TokenReelError(
                .invalidArgument, subject: "descriptor encoder", found: "\(rows) x \(columns) patches",
                allowed: "1 to \(Self.largestGrid) rows and columns")
        }
        self.rows = rows
        self.columns = columns
    }

    /// Encodes one frame; see ``FrameEncoder/encode(_:signals:)``.
    public func encode(_ frame: VideoFrame, signals: Set<Signal>) throws(TokenReelError) -> EncodedFrame {
        try check(frame)
        let planes = ColourPlanes(frame)
        let count = rows * columns * channels
        let tokens = [Float](unsafeUninitializedCapacity: count) { tokens, written in
            for row in 0..<rows {
                for column in 0..<columns {
                    let start = (row * columns + column) * channels
                    describe(
                        planes.patch(row: row, column: column),
                        into: UnsafeMutableBufferPointer(rebasing: tokens[start..<start + channels]))
                }
            }
            written = count
        }
        return EncodedFrame(
            tokens: tokens, saliency: signals.contains(.saliency) ? Self.distinctiveness(of: tokens) : nil)
    }

    /// Writes the groups of one patch one after the other.
    private func describe(_ patch: Patch, into token: UnsafeMutableBufferPointer<Float>) {
        var start = 0
        func write(_ count: Int, weight: Float, _ fill: (UnsafeMutableBufferPointer<Float>) -> Void) {
            let group = UnsafeMutableBufferPointer(rebasing: token[start..<start + count])
            group.update(repeating: 0)
            fill(group)
            group.scale(toLength: weight.squareRoot())
            start += count
        }
        let mean = patch.mean
        write(Brightness.channels, weight: 0.2) { Brightness.describe(mean.luma, into: $0) }
        write(Colour.channels, weight: 0.4) { Colour.describe(blue: mean.blue, red: mean.red, into: $0) }
        write(ColourLayout.channels, weight: 0.1) { ColourLayout.describe(patch, into: $0) }
        write(EdgeHistogram.channels, weight: 0.3) { EdgeHistogram.describe(patch, into: $0) }
    }

    /// Saliency of a token: one minus its cosine to the mean token of the frame, 0…1.
    ///
    /// What most of the picture looks like is not salient; the odd patch is. This is the spatial half of what attention
    /// to the class token measures in a vision tower.
    private static func distinctiveness(of tokens: [Float]) -> [Float] {
        var mean = [Float](repeating: 0, count: channels)
        tokens.withUnsafeBufferPointer { tokens in
            for start in stride(from: 0, to: tokens.count, by: channels) {
                for channel in 0..<channels { mean[channel] += tokens[start + channel] }
            }
        }
        mean.withUnsafeMutableBufferPointer { $0.scale(toLength: 1) }
        return tokens.withUnsafeBufferPointer { tokens in
            stride(from: 0, to: tokens.count, by: channels).map { start in
                var cosine: Float = 0
                for channel in 0..<channels { cosine += tokens[start + channel] * mean[channel] }
                return min(max(1 - cosine, 0), 1)
            }
        }
    }
}

extension UnsafeMutableBufferPointer<Float> {
    /// Gives the vector a length; every group has a part that is never zero, so there is no division by zero.
    func scale(toLength length: Float) {
        var energy: Float = 0
        for value in self { energy += value * value }
        guard energy > 0 else { return }
        let factor = length / energy.squareRoot()
        for index in indices { self[index] *= factor }
    }
}
