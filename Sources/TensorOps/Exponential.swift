#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Elementary functions of single numbers.
public enum Exponential {
    /// e to the power of `x`.
    public static func value(_ x: Float) -> Float { expf(x) }

    /// The natural logarithm of `x`.
    public static func logarithm(_ x: Float) -> Float { logf(x) }
}
