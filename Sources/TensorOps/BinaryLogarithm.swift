#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Logarithms to the base 2, in which information is counted.
public enum BinaryLogarithm {
    /// The logarithm of `x`, above 0.
    public static func value(_ x: Double) -> Double { log2(x) }

    /// 2 to the power of `x`.
    public static func power(_ x: Double) -> Double { exp2(x) }
}
