internal import COpenBLAS

extension Matrix {
    /// `[n, n]` dot products of every row of `values [n, channels]` with every row.
    ///
    /// Half the work of a product of two matrices: only one triangle is computed, and the other is its mirror image.
    public static func gram(_ values: UnsafeBufferPointer<Float>, channels: Int) -> [Float] {
        let n = values.count / channels
        guard n > 0 else { return [] }
        _ = singleThreaded
        return [Float](unsafeUninitializedCapacity: n * n) { output, count in
            cblas_ssyrk(
                CblasRowMajor, CblasUpper, CblasNoTrans, blasint(n), blasint(channels), 1, values.baseAddress,
                blasint(channels), 0, output.baseAddress, blasint(n))
            for row in 1..<max(n, 1) {
                for column in 0..<row { output[row * n + column] = output[column * n + row] }
            }
            count = n * n
        }
    }
}
