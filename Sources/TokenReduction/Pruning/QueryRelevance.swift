internal import TensorOps
public import TokenCore

/// How well tokens answer a query: for each token the largest cosine to any query vector.
public enum QueryRelevance {
    /// `[rows]` values in -1...1; 0 for a zero vector.
    ///
    /// O(N M D) for N tokens and M query vectors.
    ///
    /// - Precondition: `query.channels` is the length of a row.
    public static func scores(of values: TensorBuffer<Float>, for query: Query, workers: Int) -> [Float] {
        let cosines = cosines(of: values, for: query, workers: workers)
        return stride(from: 0, to: cosines.count, by: query.count).map { start in
            cosines[start..<start + query.count].reduce(-Float.infinity) { max($0, $1) }
        }
    }

    /// `[rows, M]` cosines of every token to every query vector; 0 for a zero vector.
    ///
    /// O(N M D).
    ///
    /// - Precondition: `query.channels` is the length of a row.
    static func cosines(of values: TensorBuffer<Float>, for query: Query, workers: Int) -> [Float] {
        let channels = query.channels
        let vectors = Rows.normalized(TensorBuffer(query.vectors), channels: channels)
        return Rows.blocks(of: values.count / channels, size: 512).mapParallel(workers: workers) { block -> [Float] in
            values.withRows(block, channels: channels) { tokens in
                let norms = Rows.norms(tokens, channels: channels)
                var cosines = vectors.withUnsafeBufferPointer { vectors in
                    Matrix.products(tokens, rows: block.count, vectors, rows: query.count, channels: channels)
                }
                for index in cosines.indices {
                    let norm = norms[index / query.count]
                    cosines[index] = norm > 0 ? cosines[index] / norm : 0
                }
                return cosines
            }
        }.flatMap { $0 }
    }
}
