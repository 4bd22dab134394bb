extension RecipeRegistry {
    /// Methods that match one half of the tokens with the other.
    static let bipartite: [RecipeDescriptor] = [
        describe(
            "tome", "Token merging: the most alike of even and odd tokens of a frame become one, round after round.",
            source: "ToMe, arXiv 2210.09461, ICLR 2023", merger: BipartiteMerger.self, licence: "CC BY-NC 4.0"),
        describe(
            "aim", "Token merging that halves each frame, with a plain mean of what merges.",
            source: "AIM, arXiv 2412.03248, ICCV 2025 (the merging before the LLM)", merger: HalvingMerger.self,
            defaults: ["weighting": 1, "fractions": 1], rows: [26], licence: "Apache-2.0"),
        describe(
            "pitome", "Token merging that protects tokens which stand alone.",
            source: "PiToMe, arXiv 2405.16148, NeurIPS 2024", merger: EnergyMerger.self, rows: [3],
            licence: "CC BY-NC 4.0"),
        describe(
            "dymu", "Token merging above a threshold, so that plain frames keep fewer tokens than rich ones.",
            source: "DyMU, arXiv 2504.17040 (dynamic token merging)", merger: ThresholdMerger.self, rows: [28],
            licence: "MIT, with parts under CC BY-NC 4.0"),
    ]
}
