extension RecipeRegistry {
    /// Methods that segment and cluster.
    static let clustering: [RecipeDescriptor] = [
        describe(
            "fastvid", "Keeps salient tokens and merges each segment around density peaks of a few anchor frames.",
            source: "FastVID, arXiv 2503.11187 (NeurIPS 2025)", segmenter: TransitionSegmenter.self,
            merger: AnchorFrameMerger.self, licence: "MIT"),
        describe(
            "prunevid", "Averages what stays still through a segment of like frames and clusters the rest.",
            source: "PruneVid, arXiv 2412.16117 (ACL 2025; outer stage, without pruning inside the LLM)",
            segmenter: FrameClusterSegmenter.self, merger: StaticWindowMerger.self, licence: "CC BY-NC-SA 4.0"),
        describe(
            "flashvid", "Keeps salient, diverse tokens and merges the rest along trees through time.",
            source: "FlashVID, arXiv 2602.08024 (ICLR 2026; outer stage, without pruning inside the LLM)",
            segmenter: TransitionSegmenter.self, merger: TemporalTreeMerger.self, defaults: ["frame-vectors": 1],
            licence: "MIT"),
        describe(
            "sttm", "Merges uniform regions and what stays alike over time, coarse or fine as the picture demands.",
            source: "STTM, arXiv 2507.07990 (ICCV 2025), before the LLM instead of inside it",
            merger: QuadtreeMerger.self, licence: "none given"),
        describe(
            "llava-scissor", "Merges connected components of like tokens; every token counts in the result.",
            source: "LLaVA-Scissor, arXiv 2506.21862", merger: ComponentMerger.self, licence: "CC BY-NC 4.0"),
        describe(
            "visionzip", "Keeps each frame's salient tokens and averages its rest; frames are never joined.",
            source: "VisionZip, arXiv 2412.04467 (CVPR 2025), each frame on its own",
            merger: DominantContextualMerger.self, licence: "Apache-2.0"),
        describe(
            "dycoke", "Keeps every fourth frame whole and of the others what is new; nothing is merged.",
            source: "DyCoke, arXiv 2411.15024 (CVPR 2025; outer stage, without pruning inside the LLM)",
            pruner: FrameHierarchyPruner.self, licence: "Apache-2.0"),
        describe(
            "hbi", "Clusters tokens in two levels; with a query, frames get their due by Banzhaf interaction.",
            source: "HBI, arXiv 2303.14369 (CVPR 2023), without its trained weights",
            merger: StackedDensityMerger.self, pruner: BanzhafPruner.self, candidatesPerToken: 2, rows: [1],
            licence: "Apache-2.0"),
    ]
}
