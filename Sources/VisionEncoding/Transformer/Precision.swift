/// What the products of a transformer's layers are computed in; sums are always in single precision.
public enum Precision: String, Sendable, CaseIterable {
    /// Single precision.
    case f32
    /// Factors rounded to bf16: twice as fast on processors with AVX512_BF16, more with AMX; elsewhere ``f32`` is used.
    case bf16
}
