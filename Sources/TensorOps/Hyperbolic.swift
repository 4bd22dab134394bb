#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Hyperbolic functions of single numbers.
public enum Hyperbolic {
    /// `tanh(x)`.
    public static func tangent(_ x: Double) -> Double { tanh(x) }

    /// `atanh(x)` for `x` in -1...1.
    public static func inverseTangent(_ x: Double) -> Double { atanh(x) }
}
