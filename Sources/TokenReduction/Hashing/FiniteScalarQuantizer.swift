internal import TensorOps

/// Finite scalar quantisation of one number: bounded, then rounded to one of L levels.
///
/// Source: FlexTok (arXiv 2502.13967), `quantize_fsq`, after Mentzer et al. (arXiv 2309.15505):
/// `half = (L - 1) 1.001 / 2`, `offset` 1/2 for even L and 0 for odd, `shift = atanh(offset / half)`,
/// `code = round(tanh(z + shift) half - offset)`, shifted up by `L div 2` to start at 0.
package struct FiniteScalarQuantizer {
    private let half: Double
    private let offset: Double
    private let shift: Double
    private let middle: Int

    /// A quantiser of 2 levels or more.
    package init(levels: Int) {
        half = Double(levels - 1) * 1.001 / 2
        offset = levels.isMultiple(of: 2) ? 0.5 : 0
        shift = Elementary.atanh(offset / half)
        middle = levels / 2
    }

    /// 0 ..< levels.
    package func code(_ value: Double) -> Int {
        Int((Elementary.tanh(value + shift) * half - offset).rounded(.toNearestOrEven)) + middle
    }
}
