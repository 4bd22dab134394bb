import Testing
import TokenReel

@Suite struct LanguageModelTests {
    private let model = LanguageModel.qwen2[1]

    /// The rows of HoliTom's table 1 and FastVID's table 1, both for LLaVA-OneVision-7B on 32 frames of 196 tokens.
    @Test(arguments: [
        (LanguageModel.PrefillFormula.holitom, 6272, 40.77), (.holitom, 1568, 8.71), (.holitom, 627, 3.36),
        (.fastvid, 6272, 48.82), (.fastvid, 1568, 10.73), (.fastvid, 608, 4.04),
    ])
    func countsAreThosePublished(_ formula: LanguageModel.PrefillFormula, _ tokens: Int, _ tera: Double) {
        #expect(abs(model.prefillFLOPs(tokens, by: formula) / 1e12 - tera) < 0.01)
    }

    @Test func largerModelsCostMore() {
        for formula in LanguageModel.PrefillFormula.allCases {
            let costs = LanguageModel.qwen2.map { $0.prefillFLOPs(1000, by: formula) }
            #expect(costs == costs.sorted() && costs[0] * 10 < costs[1] && costs[1] * 5 < costs[2])
        }
    }
}
