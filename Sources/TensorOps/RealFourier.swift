internal import CLibrary

/// The discrete Fourier transform of real rows, as a product with an orthogonal matrix.
///
/// Coefficient 0 is the mean part; 2j - 1 and 2j are the cosine and sine parts of frequency j; the last one of an even
/// width is the alternating part. These are the real and imaginary parts of the usual transform up to scale, without
/// the half that is redundant. The inverse is the transpose. Cost: O(N width²), at the speed of matrix products.
public enum RealFourier {
    /// `[N, width]` coefficients of the rows, or with `inverse` the rows of coefficients.
    public static func transform(_ values: [Float], width: Int, inverse: Bool = false) -> [Float] {
        guard width > 0, !values.isEmpty else { return values }
        let rows = values.count / width
        let waves = (0..<width).map { place -> (cosine: Float, sine: Float) in
            let angle = 2 * Double.pi * Double(place) / Double(width)
            return (Float(cos(angle)), Float(sin(angle)))
        }
        let whole = (1 / Float(width)).squareRoot()
        let half = (2 / Float(width)).squareRoot()
        func entry(_ coefficient: Int, _ place: Int) -> Float {
            if coefficient == 0 { return whole }
            let wave = waves[(coefficient + 1) / 2 * place % width]
            if width.isMultiple(of: 2), coefficient == width - 1 { return whole * wave.cosine }
            return half * (coefficient % 2 == 1 ? wave.cosine : wave.sine)
        }
        var output = [Float](repeating: 0, count: values.count)
        for block in Rows.blocks(of: width, size: 256) {
            let basis = block.flatMap { row in
                (0..<width).map { inverse ? entry($0, row) : entry(row, $0) }
            }
            let products = values.withUnsafeBufferPointer { values in
                basis.withUnsafeBufferPointer {
                    Matrix.products(values, rows: rows, $0, rows: block.count, channels: width)
                }
            }
            for row in 0..<rows {
                for (place, column) in block.enumerated() {
                    output[row * width + column] = products[row * block.count + place]
                }
            }
        }
        return output
    }
}
