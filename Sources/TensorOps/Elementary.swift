internal import CLibrary

/// Elementary functions of single numbers, under the names of the C library.
///
/// They stand here so that methods need not know which C library a platform has.
public enum Elementary {
    /// e to the power of `x`.
    public static func exp(_ x: Float) -> Float { expf(x) }

    /// The natural logarithm.
    public static func log(_ x: Float) -> Float { logf(x) }

    /// The natural logarithm.
    public static func log(_ x: Double) -> Double { naturalLogarithm(x) }

    /// The logarithm to the base 2, in which information is counted.
    public static func log2(_ x: Double) -> Double { binaryLogarithm(x) }

    /// 2 to the power of `x`.
    public static func exp2(_ x: Double) -> Double { binaryPower(x) }

    /// `base` to the power of `x`.
    public static func power(_ base: Float, _ x: Float) -> Float { powf(base, x) }

    /// The cosine of an angle in radians.
    public static func cosine(_ x: Float) -> Float { cosf(x) }

    /// The sine of an angle in radians.
    public static func sine(_ x: Float) -> Float { sinf(x) }

    /// The hyperbolic tangent.
    public static func tanh(_ x: Double) -> Double { hyperbolicTangent(x) }

    /// The inverse of the hyperbolic tangent, for `x` in -1...1.
    public static func atanh(_ x: Double) -> Double { inverseHyperbolicTangent(x) }
}

// Inside the type its own names would hide the library's.
private func naturalLogarithm(_ x: Double) -> Double { log(x) }
private func binaryLogarithm(_ x: Double) -> Double { log2(x) }
private func binaryPower(_ x: Double) -> Double { exp2(x) }
private func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }
private func inverseHyperbolicTangent(_ x: Double) -> Double { atanh(x) }
