internal import TensorOps
internal import TokenCore

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

extension ReductionInput {
    /// The cosine of each of some source tokens to one of them; 0 for zero vectors.
    func cosines(of tokens: [Int], to other: Int) -> [Float] {
        grid.values.withRows(other..<other + 1, channels: channels) { other in
            tokens.map { token in
                grid.values.withRows(token..<token + 1, channels: channels) { Rows.dot($0, other) }
            }
        }.enumerated().map { index, product in
            let scale = norms[tokens[index]] * norms[other]
            return scale > 0 ? product / scale : 0
        }
    }
}
