internal import CLibrary

/// Coarse shading inside a patch: the lowest coefficients of a two-dimensional DCT in zig-zag order, without the mean.
///
/// After the MPEG-7 Color Layout Descriptor, which takes the same coefficients of a whole picture: nine of luma, two of
/// each colour difference. Coefficients are in units of intensity (1 = a pattern of full-range root-mean-square
/// strength). One constant channel stands for flatness: shading well below it counts as flat, so flat patches match
/// flat patches instead of comparing their noise.
///
/// With p the coefficients of a patch and f the constant, the cosine is `(f^2 + p.q) / (|f,p| |f,q|)`, in -1…1.
enum ColourLayout {
    static let channels = 1 + lumaOrder.count + 2 * colourOrder.count
    /// Five steps of 8-bit intensity, the upper end of sensor noise and blocking.
    private static let flatness: Float = 0.02
    private static let lumaOrder = [(0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0)]
    private static let colourOrder = [(0, 1), (1, 0)]

    /// Cosines 1…3 along 16 samples, scaled so that a coefficient is a root-mean-square strength; the constant first.
    private static let basis: [Patch.Line] = (0..<4).map { frequency in
        var wave = Patch.Line.zero
        let count = DescriptorEncoder.patchSide
        for sample in 0..<count {
            let phase = Float.pi * (Float(sample) + 0.5) * Float(frequency) / Float(count)
            wave[sample] = (frequency == 0 ? 1 : Float(2).squareRoot()) * cos(phase) / Float(count)
        }
        return wave
    }

    static func describe(_ patch: Patch, into group: UnsafeMutableBufferPointer<Float>) {
        group[0] = flatness
        var next = 1
        func write(_ order: [(down: Int, across: Int)], _ line: (Int) -> Patch.Line) {
            // Down the columns first: sixteen columns at a time.
            var columns = (Patch.Line.zero, Patch.Line.zero, Patch.Line.zero, Patch.Line.zero)
            for index in 0..<DescriptorEncoder.patchSide {
                let values = line(index)
                columns.0 += basis[0][index] * values
                columns.1 += basis[1][index] * values
                columns.2 += basis[2][index] * values
                columns.3 += basis[3][index] * values
            }
            let transformed = [columns.0, columns.1, columns.2, columns.3]
            for (down, across) in order {
                group[next] = (transformed[down] * basis[across]).sum()
                next += 1
            }
        }
        write(lumaOrder) { patch.luma($0) }
        write(colourOrder) { patch.blue($0) }
        write(colourOrder) { patch.red($0) }
    }
}
