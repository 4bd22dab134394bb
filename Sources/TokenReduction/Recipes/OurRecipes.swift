extension RecipeRegistry {
    /// The default, and the two methods it grew from.
    static let ours: [RecipeDescriptor] = [
        describe(
            "tokenreel", "All four stages: the default for video of any kind, with or without a query.",
            source:
                "Static/dynamic merging after HoliTom with clusters instead of attention, then query relevance and a codebook",
            segmenter: RedundancySegmenter.self, merger: StaticDynamicMerger.self, pruner: QueryRelevancePruner.self,
            hasher: CodebookHasher.self, defaults: ["contextual": 1, "plain-mean": 1, "rests": 1, "novelty": 1],
            candidatesPerToken: 3,
            isPublished: false),
        describe(
            "holitom", "Merges what stays still, keeps what attention marks; needs a saliency signal.",
            source: "HoliTom, arXiv 2505.21334 (outer stage, without merging inside the LLM)",
            segmenter: RedundancySegmenter.self, merger: StaticDynamicMerger.self, rows: [24],
            licence: "Apache-2.0"),
        describe(
            "vqtoken", "Replaces the video by the entries of a codebook: a few dozen tokens and a map of codes.",
            source: "VQToken, arXiv 2503.16980 (codebook and token hash, without the trained attention)",
            hasher: CodebookHasher.self, defaults: ["max-codes": 32], emitsCodebook: true,
            rows: [57], licence: "BSD-3-Clause"),
    ]
}
