internal import CKernels

extension Rows {
    /// Whether no number is infinite or NaN.
    public static func areFinite(_ values: UnsafeBufferPointer<Float>) -> Bool {
        guard let base = values.baseAddress else { return true }
        return tr_all_finite(base, values.count) != 0
    }
}
