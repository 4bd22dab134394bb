internal import TensorOps
public import TokenCore

/// Turns frames into the pixels that a vision tower was trained on, as Hugging Face's image processors do on a CPU.
///
/// Resizing equals Pillow's on 8-bit pictures bit for bit, up to version 12.2 (transformers' `…ImageProcessorPil` classes,
/// the default of 4.x). The torchvision processors that transformers 5 prefers round their weights to 16 bits and differ
/// from that by at most one level of 255. Newer Pillows resize columns first in some cases, which moves pixels at hard
/// edges by up to 20 levels: 12.3 where a picture is over 100 times as tall as wide, 13 where the height loses more than
/// twice the pixels that the width loses, as in portrait video. torchvision does not, and neither does this. Cutting,
/// framing and the fused arithmetic of rescaling and normalising follow the torchvision processors.
///
/// The cost is that of the resize: a 1280 x 720 frame to 384 x 384 takes a few milliseconds.
public struct ImagePreprocessor: Sendable {
    /// What was asked for.
    public let settings: PreprocessorSettings
    /// The size of every picture after ``resized(_:)``, in pixels.
    public let outputSize: (width: Int, height: Int)

    private let resampler: FrameResampler
    /// `[3, 256]`: the number for each level of each colour.
    private let levels: [Float]

    /// Reads the settings from a checkpoint folder; see ``PreprocessorSettings/init(folder:)``.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` or ``TokenReelError/Code/unsupportedInput``, naming file and
    ///   key, if there are none, or if they make no sense or leave the size of pictures open.
    public init(folder: String) throws(TokenReelError) {
        let settings = try PreprocessorSettings(folder: folder)
        do throws(TokenReelError) {
            try self.init(settings)
        } catch {
            throw error.about("\(folder), \(error.subject)")
        }
    }

    /// Prepares pictures as `settings` say.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for sizes below 1, means or deviations that are not three finite
    ///   numbers, deviations of 0, or settings that leave the size of pictures open.
    public init(_ settings: PreprocessorSettings) throws(TokenReelError) {
        func invalid(_ found: String, _ allowed: String) -> TokenReelError {
            TokenReelError(.invalidArgument, subject: "preprocessing", found: found, allowed: allowed)
        }
        let area: PreprocessorSettings.Area
        switch (settings.crop, settings.size) {
        case (let crop?, _): area = crop
        case (nil, .exact(let width, let height)): area = .init(width: width, height: height)
        case (nil, .shortestEdge), (nil, .unchanged):
            throw invalid(
                "a size that follows the frame's, without a cut", "an exact size, or a size of the middle part")
        }
        let edges =
            switch settings.size {
            case .exact(let width, let height): [area.width, area.height, width, height]
            case .shortestEdge(let edge): [area.width, area.height, edge]
            case .unchanged: [area.width, area.height]
            }
        guard edges.allSatisfy({ (1...32768).contains($0) }) else {
            throw invalid("edges of \(edges) pixels", "1 to 32768")
        }
        self.settings = settings
        outputSize = (area.width, area.height)
        let filter: ResampleFilter = settings.filter == .bilinear ? .bilinear : .bicubic
        resampler = FrameResampler(target: settings.size, filter: filter, width: area.width, height: area.height)

        if let factor = settings.rescaleFactor, !(factor.isFinite && factor > 0) {
            throw invalid("a rescale factor of \(factor)", "a finite number above 0")
        }
        let mean = settings.mean ?? [0, 0, 0]
        let std = settings.std ?? [1, 1, 1]
        guard mean.count == 3, std.count == 3, mean.allSatisfy(\.isFinite), std.allSatisfy({ $0.isFinite && $0 > 0 })
        else { throw invalid("means \(mean) and deviations \(std)", "three finite numbers each, deviations above 0") }
        levels = Self.levels(settings.rescaleFactor, mean: settings.mean, std: settings.std)
    }

    /// The number for each level, in the float arithmetic of the reference: `(x - mean / factor) / (std / factor)`.
    private static func levels(_ factor: Double?, mean: [Double]?, std: [Double]?) -> [Float] {
        guard mean != nil || std != nil else {
            let scale = Float(factor ?? 1)
            return (0..<3 * 256).map { Float($0 % 256) * scale }
        }
        let inverse = Float(1 / (factor ?? 1))
        return (0..<3 * 256).map { index in
            let (colour, level) = index.quotientAndRemainder(dividingBy: 256)
            let shift = Float(mean?[colour] ?? 0) * inverse
            return (Float(level) - shift) / (Float(std?[colour] ?? 1) * inverse)
        }
    }

    /// The frame at ``outputSize``, still in levels of 0…255.
    ///
    /// - Precondition: The frame has at least one pixel.
    public func resized(_ frame: VideoFrame) -> VideoFrame {
        precondition(!frame.pixels.isEmpty, "a frame without pixels can't be resized")
        return resampler.resampled(frame)
    }

    /// The frame as a tower's `pixel_values`: `[3, height, width]` of ``outputSize``, planes of red, green and blue.
    ///
    /// - Precondition: The frame has at least one pixel.
    public func pixels(of frame: VideoFrame) -> [Float] {
        let frame = resized(frame)
        let plane = frame.width * frame.height
        return [Float](unsafeUninitializedCapacity: 3 * plane) { target, count in
            frame.pixels.withUnsafeBufferPointer { source in
                levels.withUnsafeBufferPointer { levels in
                    for pixel in 0..<plane {
                        for colour in 0..<3 {
                            target[colour * plane + pixel] = levels[colour << 8 | Int(source[3 * pixel + colour])]
                        }
                    }
                }
            }
            count = 3 * plane
        }
    }

    /// The frame cut into square patches: `[rows * columns, 3 * side * side]`, patches row by row.
    ///
    /// Within a patch the order is colour, row, column, that of a convolution's weights, so patch embedding is one
    /// matrix product. Pixels right of and below the last whole patch are left out, as an unpadded convolution does.
    ///
    /// - Parameters:
    ///   - frame: A frame with at least one pixel.
    ///   - side: Pixels along the edge of a patch, at least 1.
    public func patches(of frame: VideoFrame, side: Int) -> [Float] {
        precondition(side >= 1, "a patch holds at least one pixel")
        let frame = resized(frame)
        let rows = frame.height / side
        let columns = frame.width / side
        return [Float](unsafeUninitializedCapacity: rows * columns * 3 * side * side) { target, count in
            frame.pixels.withUnsafeBufferPointer { source in
                levels.withUnsafeBufferPointer { levels in
                    var next = 0
                    for patch in 0..<rows * columns {
                        let (row, column) = patch.quotientAndRemainder(dividingBy: columns)
                        for colour in 0..<3 {
                            for line in row * side..<(row + 1) * side {
                                let start = (line * frame.width + column * side) * 3 + colour
                                for pixel in 0..<side {
                                    target[next] = levels[colour << 8 | Int(source[start + 3 * pixel])]
                                    next += 1
                                }
                            }
                        }
                    }
                    count = next
                }
            }
        }
    }
}
