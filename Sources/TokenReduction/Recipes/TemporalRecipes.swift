extension RecipeRegistry {
    /// Methods that merge along time, in windows or around kept tokens.
    static let temporal: [RecipeDescriptor] = [
        describe(
            "mustdrop", "Merges even windows of a frame; with a question drops what no word of it looks at.",
            source: "MustDrop, arXiv 2411.10803 (stages before the language model)", merger: WindowMerger.self,
            pruner: DualFilterPruner.self, candidatesPerToken: 3, rows: [11], licence: "Apache-2.0"),
        describe(
            "kvmerger", "Joins each cell's stretches of similar frames around a pivot.",
            source: "KVMerger, arXiv 2407.08454 (keys of a cache; here one cell over time)",
            merger: SequentialSetMerger.self, rows: [10]),
        describe(
            "tdtm", "Halves the frame rate again and again by plain averages: a baseline in time.",
            source: "On-device Sora, arXiv 2502.04363", merger: TemporalPairMerger.self, rows: [32], licence: "MIT"),
        describe(
            "tokenflex", "Averages every frame down to a coarser grid: a baseline in space.",
            source: "TokenFLEX, arXiv 2504.03154 (pooling, without the trained projector)",
            merger: AdaptivePoolMerger.self, rows: [78]),
        describe(
            "ems", "Keeps what most tokens resemble; the rest joins the nearest kept token or is dropped.",
            source:
                "EMS, arXiv 2412.08521; set channels below 1 to search as Double Sparsity does, arXiv 2408.07092",
            merger: EvictThenMerger.self, rows: [12, 45]),
        describe(
            "cca", "Pools groups of consecutive tokens by their likeness to the last.",
            source: "CCA, arXiv 2412.12465 (group pooling, without learnt projections)", merger: GroupPoolMerger.self,
            rows: [19]),
        describe(
            "pvc", "Keeps from each frame what is no combination of what was kept before.",
            source: "PVC, arXiv 2412.09613 (its idea, without the trained tower)", pruner: SubspaceNoveltyPruner.self,
            rows: [58]),
        describe(
            "cove", "Averages patches along the tracks on which they move.",
            source: "COVE, arXiv 2406.08850 (correspondence of features, without the editing model)",
            merger: TrackMerger.self, rows: [36]),
        describe(
            "evlgen", "Blends each cell with its likes in other frames and keeps every k-th frame.",
            source: "EVLGen (SimVLG), arXiv 2310.03291 (temporal merging, without learnt projections)",
            merger: SoftTemporalMerger.self, rows: [37], licence: "BSD-3-Clause"),
    ]
}
