/// The element type of a tensor, by the names the format uses.
///
/// Listed in the format's own order: ascending by width, which is also the order the reference writer lays tensors out
/// in, from the last to the first.
public enum DType: String, Sendable, CaseIterable {
    /// One byte, 0 or 1.
    case bool = "BOOL"
    /// Four-bit float, two to a byte.
    case f4 = "F4"
    /// Six-bit float with two exponent bits.
    case f6e2m3 = "F6_E2M3"
    /// Six-bit float with three exponent bits.
    case f6e3m2 = "F6_E3M2"
    /// Unsigned byte.
    case u8 = "U8"
    /// Signed byte.
    case i8 = "I8"
    /// Eight-bit float with five exponent bits.
    case f8e5m2 = "F8_E5M2"
    /// Eight-bit float with four exponent bits.
    case f8e4m3 = "F8_E4M3"
    /// Eight-bit float with four exponent bits and no negative zero.
    case f8e4m3fnuz = "F8_E4M3FNUZ"
    /// Eight-bit float with five exponent bits and no negative zero.
    case f8e5m2fnuz = "F8_E5M2FNUZ"
    /// Eight-bit power of two.
    case f8e8m0 = "F8_E8M0"
    /// Signed 16-bit integer.
    case i16 = "I16"
    /// Unsigned 16-bit integer.
    case u16 = "U16"
    /// IEEE half precision.
    case f16 = "F16"
    /// The upper half of an IEEE single.
    case bf16 = "BF16"
    /// Signed 32-bit integer.
    case i32 = "I32"
    /// Unsigned 32-bit integer.
    case u32 = "U32"
    /// IEEE single precision.
    case f32 = "F32"
    /// Two singles, real and imaginary.
    case c64 = "C64"
    /// IEEE double precision.
    case f64 = "F64"
    /// Signed 64-bit integer.
    case i64 = "I64"
    /// Unsigned 64-bit integer.
    case u64 = "U64"

    /// Bits of one element; not always whole bytes.
    public var bits: Int {
        switch self {
        case .f4: 4
        case .f6e2m3, .f6e3m2: 6
        case .bool, .u8, .i8, .f8e5m2, .f8e4m3, .f8e4m3fnuz, .f8e5m2fnuz, .f8e8m0: 8
        case .i16, .u16, .f16, .bf16: 16
        case .i32, .u32, .f32: 32
        case .c64, .f64, .i64, .u64: 64
        }
    }

    /// Place in the format's order, which the writer sorts by.
    var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
