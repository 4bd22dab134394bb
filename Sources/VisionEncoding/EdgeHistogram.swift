/// Where edges lie in a patch and how they run: 2 x 2 cells of eight orientations.
///
/// After the histograms of oriented gradients of Dalal & Triggs (CVPR 2005) and the MPEG-7 Edge Histogram Descriptor.
/// Each pixel adds its gradient's strength to the two nearest of eight orientations over half a turn (an edge from dark
/// to light counts as one from light to dark), and a cell holds the mean over its 8 x 8 pixels, in intensity a pixel.
/// One constant channel stands for flatness, as in ``ColourLayout``: gradients well below it count as none.
enum EdgeHistogram {
    static let channels = 1 + 4 * orientations
    private static let orientations = 8
    /// Five steps of 8-bit intensity a pixel, the upper end of sensor noise and blocking.
    private static let flatness: Float = 0.02

    static func describe(_ patch: Patch, into group: UnsafeMutableBufferPointer<Float>) {
        group[0] = flatness
        let side = DescriptorEncoder.patchSide
        let share = 4 / Float(side * side)
        for line in 0..<side {
            let dx = (patch.luma(line, dx: 1) - patch.luma(line, dx: -1)) * 0.5
            let dy = (patch.luma(line, dy: 1) - patch.luma(line, dy: -1)) * 0.5
            let strength = (dx * dx + dy * dy).squareRoot() * share
            let orientation = orientations(ofX: dx, y: dy)
            let lower = orientation.rounded(.down)
            let upperShare = strength * (orientation - lower)
            let lowerShare = strength - upperShare
            for column in 0..<side {
                let cell = 1 + ((2 * line / side) * 2 + 2 * column / side) * orientations
                let bin = Int(lower[column])
                group[cell + (bin & 7)] += lowerShare[column]
                group[cell + ((bin + 1) & 7)] += upperShare[column]
            }
        }
    }

    /// The angle of each gradient in eighths of half a turn, 0…8.
    ///
    /// The arctangent of q in 0…1 is `q (pi/4 + 0.273 (1 - q))` within 0.004 radians, a hundredth of a bin.
    private static func orientations(ofX dx: Patch.Line, y dy: Patch.Line) -> Patch.Line {
        let flip = dy .< Patch.Line.zero
        let x = dx.replacing(with: -dx, where: flip)
        let y = dy.replacing(with: -dy, where: flip)
        let width = x.replacing(with: -x, where: x .< Patch.Line.zero)
        let steep = y .> width
        let larger = width.replacing(with: y, where: steep)
        let smaller = y.replacing(with: width, where: steep)
        let ratio = smaller / pointwiseMax(larger, Patch.Line(repeating: Float.leastNormalMagnitude))
        let slope: Float = 0.273 * 8 / Float.pi
        var eighths = ratio * (2 + slope * (1 - ratio))
        eighths.replace(with: 4 - eighths, where: steep)
        eighths.replace(with: 8 - eighths, where: x .< Patch.Line.zero)
        return eighths
    }
}
