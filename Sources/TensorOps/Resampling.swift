internal import CKernels

/// A resampling filter with antialiasing: its support grows with the factor by which a picture shrinks.
public enum ResampleFilter: Sendable, Equatable {
    /// A triangle of half-width 1.
    case bilinear
    /// Keys' cubic with a = -0.5 and half-width 2.
    case bicubic

    /// How far the filter reaches from its centre, in output pixels.
    var support: Double { self == .bilinear ? 1 : 2 }

    /// The filter's value at a distance from its centre.
    func callAsFunction(_ distance: Double) -> Double {
        let x = abs(distance)
        switch self {
        case .bilinear: return x < 1 ? 1 - x : 0
        case .bicubic:
            let a = -0.5
            if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
            return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
        }
    }
}

/// For a run of output positions along one axis: which inputs each one reads, and with what weight.
///
/// The weights are those of Pillow's `Image.resize` on 8-bit pictures, bit for bit: computed in double precision,
/// normalised to a sum of 1, and rounded to units of 2^-22, halves away from zero.
public struct ResampleTaps: Sendable {
    /// Positions to compute.
    public let outputs: Range<Int>
    /// Inputs that are read by any output of the range.
    public let inputs: Range<Int>
    let starts: [Int32]
    let counts: [Int32]
    /// `[outputs.count, stride]`.
    let weights: [Int32]
    let stride: Int

    /// Taps that bring `size` positions to `newSize`, of which only `outputs` will be computed.
    ///
    /// - Precondition: `outputs` is not empty and lies within `0..<newSize`.
    public init(from size: Int, to newSize: Int, outputs: Range<Int>, filter: ResampleFilter) {
        precondition(!outputs.isEmpty && outputs.lowerBound >= 0 && outputs.upperBound <= newSize && size > 0)
        let scale = Double(size) / Double(newSize)
        let filterScale = max(scale, 1)
        let support = filter.support * filterScale
        let inverse = 1 / filterScale
        let bounds = outputs.map { output in
            let centre = (Double(output) + 0.5) * scale
            return max(Int(centre - support + 0.5), 0)..<min(Int(centre + support + 0.5), size)
        }
        let stride = bounds.reduce(1) { max($0, $1.count) }
        var weights = [Int32](repeating: 0, count: outputs.count * stride)
        for (index, (output, range)) in zip(outputs, bounds).enumerated() {
            let centre = (Double(output) + 0.5) * scale
            var row = range.map { filter((Double($0) - centre + 0.5) * inverse) }
            let sum = row.reduce(0, +)
            if sum != 0 { row = row.map { $0 / sum } }
            for (tap, weight) in row.enumerated() {
                let units = weight * Double(1 << 22)
                weights[index * stride + tap] = Int32(units < 0 ? units - 0.5 : units + 0.5)
            }
        }
        self.outputs = outputs
        let first = bounds.reduce(size) { min($0, $1.lowerBound) }
        inputs = first..<bounds.reduce(first) { max($0, $1.upperBound) }
        starts = bounds.map { Int32($0.lowerBound) }
        counts = bounds.map { Int32($0.count) }
        self.weights = weights
        self.stride = stride
    }
}

extension ResampleTaps {
    /// Resamples along rows: `[rows, width, 3]` bytes to `[rows, outputs.count, 3]`, rounded to whole levels.
    ///
    /// - Precondition: `pixels` holds whole rows of `width` pixels, the size that the taps were made from.
    public func alongRows(of pixels: UnsafeBufferPointer<UInt8>, width: Int) -> [UInt8] {
        precondition(pixels.count.isMultiple(of: 3 * width) && inputs.upperBound <= width)
        let rows = pixels.count / (3 * width)
        return withUnsafeTemporaryAllocation(
            of: UInt8.self, capacity: 3 * width * tr_resample_strip
        ) { workspace in
            [UInt8](unsafeUninitializedCapacity: rows * outputs.count * 3) { result, count in
                count = rows * outputs.count * 3
                guard rows > 0, let input = pixels.baseAddress, let output = result.baseAddress,
                    let strip = workspace.baseAddress
                else { return }
                tr_resample_columns(
                    input, rows, width, starts, counts, weights, stride, outputs.count, strip, output)
            }
        }
    }

    /// Resamples down columns: `[inputs.count, width]` bytes to `[outputs.count, width]`, rounded to whole levels.
    ///
    /// - Parameters:
    ///   - rows: The rows `inputs`, and only those.
    ///   - width: Bytes per row.
    public func downColumns(of rows: UnsafeBufferPointer<UInt8>, width: Int) -> [UInt8] {
        precondition(rows.count == inputs.count * width)
        return [UInt8](unsafeUninitializedCapacity: outputs.count * width) { result, count in
            count = outputs.count * width
            guard width > 0, let input = rows.baseAddress, let output = result.baseAddress else { return }
            weights.withUnsafeBufferPointer { weights in
                for index in outputs.indices.map({ $0 - outputs.lowerBound }) {
                    guard let row = weights.baseAddress?.advanced(by: index * stride) else { return }
                    tr_resample_row(
                        input + (Int(starts[index]) - inputs.lowerBound) * width, Int(counts[index]), width, row,
                        output + index * width)
                }
            }
        }
    }
}
