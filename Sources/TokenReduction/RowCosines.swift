internal import TensorOps

extension Rows {
    /// For each row the cosine of `a` to `b`; 0 where either is the zero vector.
    static func cosines(
        _ a: UnsafeBufferPointer<Float>, _ b: UnsafeBufferPointer<Float>, channels: Int
    ) -> [Float] {
        let norms = norms(a, channels: channels)
        let (dots, squares) = dotsAndSquares(a, b, channels: channels)
        return norms.indices.map { row in
            let scale = norms[row] * squares[row].squareRoot()
            return scale > 0 ? dots[row] / scale : 0
        }
    }
}
