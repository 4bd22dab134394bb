internal import TensorOps
internal import TokenCore

extension Query {
    /// One vector: the mean direction of the tokens in the middle half of a picture.
    ///
    /// A rectangle around a thing shows background near its corners; and since every state has seen the whole picture,
    /// one mean says more than its parts, which all look alike.
    init(middleOf tokens: [Float], rows: Int, columns: Int) throws(TokenReelError) {
        let channels = tokens.count / (rows * columns)
        // Centres lie at (2 i + 1) / (2 count); the middle half is 1/4…3/4.
        func middle(_ count: Int) -> [Int] {
            (0..<count).filter { count <= 2 * (2 * $0 + 1) && 2 * (2 * $0 + 1) <= 3 * count }
        }
        let directions = Rows.normalized(TensorBuffer(tokens), channels: channels)
        var mean = [Float](repeating: 0, count: channels)
        directions.withUnsafeBufferPointer { directions in
            mean.withUnsafeMutableBufferPointer { mean in
                for row in middle(rows) {
                    for column in middle(columns) {
                        let start = (row * columns + column) * channels
                        Rows.add(
                            UnsafeBufferPointer(rebasing: directions[start..<start + channels]), scale: 1, to: mean)
                    }
                }
            }
        }
        try self.init(vectors: mean, channels: channels)
    }
}
