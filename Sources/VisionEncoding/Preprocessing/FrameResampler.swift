internal import TensorOps
internal import TokenCore

/// Brings frames of any size to one size: resampled as Pillow does, then cut to the middle, or framed in black.
struct FrameResampler: Sendable {
    let target: PreprocessorSettings.Size
    let filter: ResampleFilter
    /// The size of the result.
    let width: Int
    let height: Int

    /// One frame at the new size.
    ///
    /// Only what stays after the cut is computed. Along rows first, then down columns, whole levels between: with that
    /// order and rounding the pixels equal those of Pillow 12 and of torchvision.
    func resampled(_ frame: VideoFrame) -> VideoFrame {
        let size = targetSize(of: frame)
        let across = Window(of: size.width, showing: width)
        let down = Window(of: size.height, showing: height)
        let columns = ResampleTaps(from: frame.width, to: size.width, outputs: across.source, filter: filter)
        let lines = ResampleTaps(from: frame.height, to: size.height, outputs: down.source, filter: filter)
        // An axis that keeps its size is not filtered.
        let isWide = size.width != frame.width
        let isTall = size.height != frame.height

        let rows = isTall ? lines.inputs : down.source
        let rowBytes = frame.width * 3
        var pixels = frame.pixels.withUnsafeBufferPointer { all in
            let band = UnsafeBufferPointer(rebasing: all[rows.lowerBound * rowBytes..<rows.upperBound * rowBytes])
            return isWide
                ? columns.alongRows(of: band, width: frame.width)
                : Self.columns(across.source, of: band, width: frame.width)
        }
        let lineBytes = across.source.count * 3
        if isTall { pixels = pixels.withUnsafeBufferPointer { lines.downColumns(of: $0, width: lineBytes) } }
        if across.source.count != width || down.source.count != height {
            var framed = [UInt8](repeating: 0, count: width * height * 3)
            for line in 0..<down.source.count {
                let start = ((down.offset + line) * width + across.offset) * 3
                framed.replaceSubrange(
                    start..<start + lineBytes, with: pixels[line * lineBytes..<(line + 1) * lineBytes])
            }
            pixels = framed
        }
        return VideoFrame(width: width, height: height, pixels: pixels, pts: frame.pts)
    }

    /// The size of the whole picture before the middle is cut out; never empty.
    private func targetSize(of frame: VideoFrame) -> (width: Int, height: Int) {
        switch target {
        case .exact(let width, let height): return (width, height)
        case .unchanged: return (frame.width, frame.height)
        case .shortestEdge(let edge):
            let (short, long) = (min(frame.width, frame.height), max(frame.width, frame.height))
            let scaled = edge * long / short
            return frame.width <= frame.height ? (edge, scaled) : (scaled, edge)
        }
    }

    private static func columns(_ range: Range<Int>, of pixels: UnsafeBufferPointer<UInt8>, width: Int) -> [UInt8] {
        if range == 0..<width { return Array(pixels) }
        var cut: [UInt8] = []
        cut.reserveCapacity(pixels.count / width * range.count)
        for row in stride(from: 0, to: pixels.count, by: 3 * width) {
            cut.append(contentsOf: pixels[row + 3 * range.lowerBound..<row + 3 * range.upperBound])
        }
        return cut
    }
}

/// The middle of one axis: which positions of the picture are shown, and where in the result they start.
private struct Window {
    let source: Range<Int>
    let offset: Int

    /// An odd rest leaves one position more behind the middle than before it, for cuts and frames alike.
    init(of size: Int, showing shown: Int) {
        let first = max(size - shown, 0) / 2
        source = first..<first + min(size, shown)
        offset = max(shown - size, 0) / 2
    }
}
