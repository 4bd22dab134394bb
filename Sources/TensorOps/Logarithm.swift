#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Logarithms of single numbers.
public enum Logarithm {
    /// The power of e that is `x`.
    public static func natural(_ x: Double) -> Double { log(x) }
}
