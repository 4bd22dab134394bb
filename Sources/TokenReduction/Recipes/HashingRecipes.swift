extension RecipeRegistry {
    /// Methods that name tokens by codes in other ways than one codebook.
    static let hashing: [RecipeDescriptor] = [
        describe(
            "residual-vq", "Several codes a token: channels in parts, then level by level what is left over.",
            source: "Language-Codec, arXiv 2402.12208 (its quantiser, learnt on the video)",
            hasher: ResidualHasher.self, emitsCodebook: true, isPublished: false, rows: [49], licence: "MIT"),
        describe(
            "tokenflow", "One index for meaning and appearance together.",
            source: "TokenFlow, arXiv 2412.03069 (its joint index, learnt on the video)", hasher: JointHasher.self,
            emitsCodebook: true, isPublished: false, rows: [55], licence: "Apache-2.0"),
        describe(
            "wavtokenizer", "One codebook learnt as the frames come in, with no entry left unused.",
            source: "WavTokenizer, arXiv 2408.16532 (derived: codebook upkeep)", hasher: OnlineHasher.self,
            emitsCodebook: true, isPublished: false, rows: [72]),
        describe(
            "hitvideo", "Coarse blocks of the video first, finer ones where detail is lost, each level coded.",
            source: "HiTVideo, arXiv 2503.11513 (derived: pyramid of residual codes)", hasher: PyramidHasher.self,
            emitsCodebook: true, isPublished: false, rows: [87]),
        describe(
            "fsq", "Codes from rounded principal components; the cheapest, and nothing is clustered.",
            source: "FlexTok, arXiv 2502.13967 (its finite scalar quantisation)", hasher: ScalarHasher.self,
            emitsCodebook: true, isPublished: false, rows: [84], licence: "Apple Sample Code License"),
    ]
}
