internal import TokenCore

/// A frame as luma and two colour differences (BT.601), each about 0…1 or -0.5…0.5.
///
/// Luma has a border of one repeated pixel on each side, so that gradients need no special case at the edge.
struct ColourPlanes {
    let width: Int
    let height: Int
    /// `[height + 2, width + 2]`.
    let luma: [Float]
    /// `[height, width]`: blue less luma.
    let blue: [Float]
    /// `[height, width]`: red less luma.
    let red: [Float]

    init(_ frame: VideoFrame) {
        let width = frame.width
        let height = frame.height
        let stride = width + 2
        var luma = [Float](repeating: 0, count: stride * (height + 2))
        var blue = [Float](repeating: 0, count: width * height)
        var red = [Float](repeating: 0, count: width * height)
        frame.pixels.withUnsafeBufferPointer { pixels in
            for y in 0..<height {
                for x in 0..<width {
                    let pixel = y * width + x
                    let r = Float(pixels[3 * pixel]) / 255
                    let g = Float(pixels[3 * pixel + 1]) / 255
                    let b = Float(pixels[3 * pixel + 2]) / 255
                    let value = 0.299 * r + 0.587 * g + 0.114 * b
                    luma[(y + 1) * stride + x + 1] = value
                    blue[pixel] = 0.564 * (b - value)
                    red[pixel] = 0.713 * (r - value)
                }
                luma[(y + 1) * stride] = luma[(y + 1) * stride + 1]
                luma[(y + 1) * stride + width + 1] = luma[(y + 1) * stride + width]
            }
        }
        for x in 0..<stride {
            luma[x] = luma[stride + x]
            luma[(height + 1) * stride + x] = luma[height * stride + x]
        }
        self.width = width
        self.height = height
        self.luma = luma
        self.blue = blue
        self.red = red
    }

    func patch(row: Int, column: Int) -> Patch {
        let side = DescriptorEncoder.patchSide
        return Patch(planes: self, x: column * side, y: row * side)
    }
}

/// One patch of a frame, read a line of 16 pixels at a time.
struct Patch {
    typealias Line = SIMD16<Float>

    private let planes: ColourPlanes
    private let x: Int
    private let y: Int

    init(planes: ColourPlanes, x: Int, y: Int) {
        self.planes = planes
        self.x = x
        self.y = y
    }

    /// Luma of a line; `dx` and `dy` of -1, 0 or 1 shift it, past the patch's border and the frame's.
    func luma(_ line: Int, dx: Int = 0, dy: Int = 0) -> Line {
        Self.load(planes.luma, at: (y + line + dy + 1) * (planes.width + 2) + x + dx + 1)
    }

    func blue(_ line: Int) -> Line { Self.load(planes.blue, at: (y + line) * planes.width + x) }

    func red(_ line: Int) -> Line { Self.load(planes.red, at: (y + line) * planes.width + x) }

    /// Means of the three planes over the patch.
    var mean: (luma: Float, blue: Float, red: Float) {
        let side = DescriptorEncoder.patchSide
        var sums = (luma: Line.zero, blue: Line.zero, red: Line.zero)
        for line in 0..<side {
            sums.luma += luma(line)
            sums.blue += blue(line)
            sums.red += red(line)
        }
        let area = Float(side * side)
        return (sums.luma.sum() / area, sums.blue.sum() / area, sums.red.sum() / area)
    }

    private static func load(_ plane: [Float], at index: Int) -> Line {
        plane.withUnsafeBytes { bytes in
            bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Float>.stride, as: Line.self)
        }
    }
}
