public import TokenCore

/// One thing that the product can do, and how it is asked for.
public struct CatalogueEntry: Sendable {
    /// What part of the work it concerns.
    public enum Kind: String, Sendable, CaseIterable {
        /// A recipe, chosen with `--method`.
        case method
        /// How a question becomes vectors.
        case query
        /// In which order tokens are written.
        case order
        /// How tokens are stored in fewer bits.
        case storage
        /// How codes are written and judged.
        case codes
        /// How tokens lie in a tensor.
        case layout
        /// What a stream keeps of its past.
        case memory
    }

    /// The name it goes by.
    public let name: String
    /// What part of the work it concerns.
    public let kind: Kind
    /// One sentence on what it does.
    public let summary: String
    /// The option, command or type that uses it.
    public let usage: String
    /// Paper the computation follows.
    public let source: String
    /// Rows of the project's list of published systems that it stands for.
    public let rows: [Int]
    /// What can be set.
    public let parameters: [Parameter]
    /// Signals it needs.
    public let needs: Set<Signal>
    /// Arithmetic cost.
    public let cost: String
    /// The licence of the reference implementation, which none of this code comes from; nil where there is none.
    public let licence: String?
    /// The recipe, of entries of kind ``Kind/method``.
    public let recipe: RecipeDescriptor?
}

/// Everything published that the product can do: the recipes, and what is chosen beside them.
public enum MethodCatalogue {
    /// All entries: recipes as registered, then the others by kind.
    public static let entries: [CatalogueEntry] =
        RecipeRegistry.recipes.map(CatalogueEntry.init)
        + queries + orders + TokenQuantization.quantizers.map { CatalogueEntry($0.descriptor) } + codes + layouts
        + memories

    /// The entry of a name.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for a name that is not there.
    public static func entry(named name: String) throws(TokenReelError) -> CatalogueEntry {
        guard let entry = entries.first(where: { $0.name == name }) else {
            throw TokenReelError(
                .invalidArgument, subject: "method", found: "\"\(name)\"",
                allowed: entries.map(\.name).joined(separator: ", "), remedy: "see tokenreel methods")
        }
        return entry
    }
}

extension CatalogueEntry {
    fileprivate init(_ recipe: RecipeDescriptor) {
        let costs = recipe.stages.map { "\($0.kind.rawValue) \($0.cost)" }
        self.init(
            name: recipe.name, kind: .method, summary: recipe.summary, usage: "--method \(recipe.name)",
            source: recipe.source, rows: recipe.rows, parameters: recipe.parameters, needs: recipe.needs,
            cost: costs.joined(separator: "; "), licence: recipe.licence, recipe: recipe)
    }

    fileprivate init(_ quantizer: QuantizerDescriptor) {
        self.init(
            name: quantizer.name, kind: .storage, summary: quantizer.summary, usage: "--quantize \(quantizer.name)",
            source: quantizer.source, rows: quantizer.rows, parameters: quantizer.parameters, needs: [],
            cost: quantizer.cost, licence: quantizer.licence, recipe: nil)
    }

    fileprivate init(
        _ name: String, _ kind: Kind, _ summary: String, usage: String, source: String, rows: [Int], cost: String,
        needs: Set<Signal> = [], licence: String? = nil
    ) {
        self.init(
            name: name, kind: kind, summary: summary, usage: usage, source: source, rows: rows, parameters: [],
            needs: needs, cost: cost, licence: licence, recipe: nil)
    }
}

extension MethodCatalogue {
    private static let queries = [
        CatalogueEntry(
            "bound-phrases", .query, "Looks for a noun and its attributes as one phrase.",
            usage: "--query TEXT; tensor query_phrases beside query in --query-embedding",
            source: "Token Merging for Training-Free Semantic Binding, arXiv 2411.07132", rows: [21],
            cost: "O(M D) for M words", needs: [.query], licence: "MIT"),
        CatalogueEntry(
            "whole-words", .query, "Averages the vectors of a word's sub-words.",
            usage: "tensor query_words beside query in --query-embedding",
            source: "On the Effect of Token Merging on Pre-trained Models for Code, arXiv 2507.14423", rows: [25],
            cost: "O(M D) for M sub-words", needs: [.query]),
        CatalogueEntry(
            "negation", .query, "Counts phrases after not, no or without against a token.", usage: "--query TEXT",
            source: "What \"Not\" to Detect, arXiv 2510.13232 (the rule, not the training)", rows: [27],
            cost: "O(T N M D)", needs: [.query]),
    ]

    private static let orders = [
        CatalogueEntry(
            "prefix", .order, "Orders tokens so that any prefix is a summary of the whole.", usage: "--order prefix",
            source: "One-D-Piece, arXiv 2501.10064, and FlexTok, arXiv 2502.13967 (by facility location)",
            rows: [81, 84], cost: "O(K T N D)", licence: "Apache-2.0")
    ]

    private static let codes = [
        CatalogueEntry(
            "code-pairs", .codes, "Learns frequent sequences of codes as codes of their own.",
            usage: "tokenreel inspect, compressed_bits; type CodeVocabulary",
            source: "Retrofitting Language Models with Dynamic Tokenization, arXiv 2411.18553", rows: [14],
            cost: "O(N M) for M merges"),
        CatalogueEntry(
            "fewest-codes", .codes, "Cuts codes into the fewest known sequences, without a list of merges.",
            usage: "tokenreel inspect, compressed_bits; type CodeVocabulary",
            source: "Train It and Forget It, arXiv 2508.06621", rows: [8], cost: "O(N L) for sequences up to L"),
        CatalogueEntry(
            "code-figures", .codes, "Bit rate, use and entropy of codebooks, what codes lose, whether they stream.",
            usage: "tokenreel reduce --json and tokenreel inspect, hash",
            source: "Discrete Audio Tokens: More Than a Survey!, arXiv 2506.10274", rows: [51], cost: "O(T N D levels)"),
        CatalogueEntry(
            "codebook-attention", .codes, "Reads a codebook by the map of codes, with trained weights.",
            usage: "type CodebookAttention", source: "VQToken, arXiv 2503.16980 (its VQ-Attention)", rows: [57],
            cost: "O(M D (4 D + F))", licence: "BSD-3-Clause"),
    ]

    private static let layouts = [
        CatalogueEntry(
            "space-to-depth", .layout, "Blocks of neighbouring tokens as one long token each, without loss.",
            usage: "tokenreel encode --shuffle SIDE; type SpaceToDepth", source: "Token-Shuffle, arXiv 2504.17789",
            rows: [9], cost: "O(T N D)")
    ]

    private static let memories = [
        CatalogueEntry(
            "sink-window", .memory, "Keeps the first and the most recent of a stream, numbered anew.",
            usage: "type SinkWindow", source: "StreamingLLM, arXiv 2309.17453", rows: [67], cost: "O(1) an entry",
            licence: "MIT"),
        CatalogueEntry(
            "averaged-sink", .memory, "First frames that slowly take in the frames that leave the window.",
            usage: "type AveragedSink", source: "Reward Forcing, arXiv 2512.04678", rows: [74], cost: "O(N D) a frame",
            licence: "Apache-2.0"),
    ]
}
