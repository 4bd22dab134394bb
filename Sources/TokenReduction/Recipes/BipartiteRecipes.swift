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
        describe(
            "tempme", "Joins neighbouring clips stage by stage and merges across and within them.",
            source: "TempMe, arXiv 2409.01156, ICLR 2025 (the merging, without its tuned layers)",
            merger: ClipJoiningMerger.self, rows: [23], licence: "MIT"),
        describe(
            "longvlm", "Ten segments, each halved to its share by token merging; a fixed pace for long video.",
            source: "LongVLM, arXiv 2404.03384, ECCV 2024 (local tokens, without class tokens of the tower)",
            segmenter: UniformSegmenter.self, merger: HalvingMerger.self, defaults: ["scope": 1, "groups": 16],
            rows: [35]),
        describe(
            "fastvggt", "Merges all frames into the first one and a sparse pick of the others.",
            source: "FastVGGT, arXiv 2509.02560", merger: ReferenceFrameMerger.self, rows: [31]),
        describe(
            "auroracap", "Token merging at an even pace with the first frame left whole (ToMe's operator).",
            source: "AuroraCap, arXiv 2410.03051, ICLR 2025 (ToMe, arXiv 2210.09461, over 32 layers)",
            merger: BipartiteMerger.self, defaults: ["rounds": 32, "keep-first": 1], rows: [34],
            licence: "Apache-2.0"),
        describe(
            "tinychart", "Token merging at an even pace over 26 rounds (ToMe's operator).",
            source: "TinyChart, arXiv 2404.16635, EMNLP 2024 (ToMe, arXiv 2210.09461, over 26 layers)",
            merger: BipartiteMerger.self, defaults: ["rounds": 26], rows: [13], licence: "Apache-2.0"),
        describe(
            "quota", "Gives frames tokens by their relevance to the query; needs a query.",
            source: "QuoTA, arXiv 2503.08689 (budgets and reducers, without its scoring model)",
            merger: QueryBudgetMerger.self, defaults: ["reducer": 3], rows: [77]),
        describe(
            "b-vllm", "Fewer frames with more tokens each: chosen by the query, then without look-alikes.",
            source: "B-VLLM, arXiv 2412.09919, ICCV 2025 (without its trained frame selection)",
            merger: BalancedFrameMerger.self, rows: [33], licence: "Apache-2.0"),
        describe(
            "langdc", "Gives segments tokens by how much there is to see in them, then merges each to its share.",
            source: "After LangDC, arXiv 2509.00969, EMNLP 2025, without its language model",
            segmenter: UniformSegmenter.self, merger: DensityBudgetMerger.self, isPublished: false, rows: [69],
            licence: "CC BY 4.0"),
    ]
}
