extension RecipeRegistry {
    /// Methods that give each token a score and keep the best.
    static let scoring: [RecipeDescriptor] = [
        describe(
            "evs", "Keeps the tokens that changed since the frame before; nothing is merged.",
            source: "EVS, arXiv 2510.14624", pruner: TemporalNoveltyPruner.self,
            licence: "Apache-2.0 with an NVIDIA notice"),
        describe(
            "dtd", "Drops what is like the frame before, by tokens or pixels; the budget goes where things change.",
            source: "DTD of TimeChat-Online, ACM MM 2025, arXiv 2504.17343", pruner: TemporalDropPruner.self,
            licence: "BSD-3-Clause"),
        describe(
            "vidcom2", "Keeps the tokens that are least common in their frame and in the video; needs no attention.",
            source: "VidCom2, EMNLP 2025, arXiv 2505.14454", pruner: DistinctivenessPruner.self,
            licence: "Apache-2.0"),
        describe(
            "vcast", "Gives more tokens to frames where the video turns; the fastest that looks at all tokens.",
            source: "V-CAST, arXiv 2603.27650", pruner: FrameCurvaturePruner.self, licence: "MIT and Apache-2.0"),
        describe(
            "cdpruner", "Keeps tokens that answer the query and differ from each other; needs a query.",
            source: "CDPruner, NeurIPS 2025, arXiv 2506.10967", pruner: DeterminantalPruner.self,
            licence: "Apache-2.0"),
        describe(
            "hiprune", "Keeps objects with their surroundings and what a deep layer attends to; needs two maps.",
            source: "HiPrune, arXiv 2508.00553", pruner: AttentionHierarchyPruner.self, rows: [5], licence: "MIT"),
        describe(
            "flowcut", "Drops tokens layer by layer by the information that flows through them; needs maps of layers.",
            source: "FlowCut, NeurIPS 2025, arXiv 2505.19536", pruner: InformationFlowPruner.self, rows: [91],
            licence: "Apache-2.0"),
        describe(
            "sink-aware", "Keeps what attention marks, without tokens whose huge activations only draw attention.",
            source: "Attention sinks and massive activations, arXiv 2510.22603; the rule is ours",
            pruner: SinkAwarePruner.self, isPublished: false, rows: [60]),
        describe(
            "gtp", "Spreads the tokens that are looked at least into their neighbours, then drops them.",
            source: "GTP-ViT, WACV 2024, arXiv 2311.03035", merger: GraphPropagationMerger.self, rows: [29],
            licence: "Apache-2.0"),
        describe(
            "rlt", "Keeps one token for as long as the pixels under it stay the same; needs a map of pixel changes.",
            source: "RLT, NeurIPS 2024, arXiv 2411.05222", merger: RunLengthMerger.self, licence: "MIT"),
    ]
}
