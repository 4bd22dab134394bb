internal import TensorOps
internal import TokenCore

/// Codes without a learnt codebook: a few principal components, each rounded to a few levels.
///
/// Source: FlexTok (arXiv 2502.13967), whose registers have few channels. Tokens have many, so they are projected to
/// their first `dimensions` principal components at unit variance, and each goes through ``FiniteScalarQuantizer``. The
/// word of a token is its codes together. All components have as many levels as asked; else they start at 2, and in
/// turn, the first component first, get one more, up to 64, while no more words occur than are wanted.
///
/// The output tokens are the means of the tokens of each word. Decoded, a code stands for the mean component of its
/// tokens along its axis. Shapes: codes `[dimensions, N]`. Cost: O(N D dimensions).
struct ScalarHasher: TokenHasher {
    static let descriptor = StageDescriptor(
        name: "scalar", kind: .hash,
        summary: "Rounds a few principal components to a few levels each; nothing is clustered.",
        source: "FSQ as in FlexTok, arXiv 2502.13967",
        parameters: [
            .whole("dimensions", 5, in: 1...32, "Principal components that are coded."),
            .whole("levels", 0, in: 0...64, "Levels of each; 0 or 1 for as many as the budget allows."),
            .whole("max-codes", 256, in: 2...65_536, "Words that an automatic size allows."),
        ],
        cost: "O(T N D dimensions)")

    private let dimensions: Int
    private let levels: Int
    private let maxCodes: Int

    init(_ values: ParameterValues) {
        dimensions = values.whole("dimensions")
        levels = values.whole("levels")
        maxCodes = values.whole("max-codes")
    }

    private static let mostLevels = 64

    func hash(
        _ candidates: CandidateTokens, of input: ReductionInput, size: CodebookSize
    ) throws(TokenReelError) -> TokenHash {
        let components = PrincipalComponents(
            of: input.grid.values, channels: input.channels, count: dimensions)
        try input.checkCancellation()
        let coefficients = components.coefficients(of: input.grid.values)
        let wanted = size.wordCount(atMost: candidates.plan.count, auto: maxCodes)
        var chosen = (0..<components.count).map { component in
            Self.codes(of: coefficients, components, component, levels: max(levels, 2))
        }
        if levels < 2 {
            for step in 0..<components.count * (Self.mostLevels - 2) {
                let (turn, component) = step.quotientAndRemainder(dividingBy: components.count)
                var finer = chosen
                finer[component] = Self.codes(of: coefficients, components, component, levels: turn + 3)
                guard CodeLevels.words(finer.map { $0[...] }).count <= wanted else { break }
                chosen = finer
            }
        }
        let coded = CodeLevels(
            books: chosen.indices.map { book(of: $0, chosen[$0], coefficients, components) },
            codes: chosen.map(Self.withoutGaps), channels: input.channels)
        return TokenHash(words: coded.words(ofFirst: coded.count).labels, levels: coded, of: input)
    }

    /// `[N]`, 0 ..< levels.
    private static func codes(
        of coefficients: [Float], _ components: PrincipalComponents, _ component: Int, levels: Int
    ) -> [Int32] {
        let quantizer = FiniteScalarQuantizer(levels: levels)
        let deviation = Double(components.variances[component]).squareRoot()
        return stride(from: component, to: coefficients.count, by: components.count).map { index in
            Int32(quantizer.code(deviation > 0 ? Double(coefficients[index]) / deviation : 0))
        }
    }

    /// Codes that occur, numbered in ascending order.
    private static func withoutGaps(_ codes: [Int32]) -> [Int32] {
        let used = Set(codes).sorted()
        let places = Dictionary(uniqueKeysWithValues: used.enumerated().map { ($1, Int32($0)) })
        return codes.map { places[$0] ?? 0 }
    }

    /// One entry for each code that occurs: its mean along the axis, and in the first level the mean token besides.
    private func book(
        of component: Int, _ codes: [Int32], _ coefficients: [Float], _ components: PrincipalComponents
    ) -> TensorBuffer<Float> {
        let channels = components.mean.count
        var sums: [Int32: (total: Double, count: Double)] = [:]
        for (token, code) in codes.enumerated() {
            let value = Double(coefficients[token * components.count + component])
            sums[code, default: (0, 0)].total += value
            sums[code, default: (0, 0)].count += 1
        }
        let axis = components.axes[component * channels..<(component + 1) * channels]
        return TensorBuffer(
            sums.sorted { $0.key < $1.key }.flatMap { _, sum in
                zip(axis, components.mean).map { axis, mean in
                    Float(sum.total / sum.count) * axis + (component == 0 ? mean : 0)
                }
            })
    }
}
