internal import TensorOps
public import TokenCore

/// Where the codebooks of a stream's segments come from, for methods that hash.
///
/// A codebook that outlives its segment is learnt by the method's own hasher, on the candidates of `after` segments
/// together (evenly spaced ones of each where there are very many); until then each segment has its own. From then on
/// tokens are named by their nearest entry, the file of each segment holds the whole codebook as it stood, and a
/// version number tells which segments share one.
public enum StreamCodebook: Sendable {
    /// Each segment learns its own.
    case fresh
    /// Learnt once, never changed.
    case frozen(after: Int = 8)
    /// Learnt before, `[K, channels]`, such as the codebook of a token file; never changed.
    case given(TensorBuffer<Float>)
    /// Follows the stream: each segment moves the entries a little, as `OnlineCodebook` says, before it is named.
    case updated(after: Int = 8)
    /// Stays as it is while it fits, and is learnt anew from the latest `after` segments when it does not: when the
    /// mean cosine of a segment's candidates to their entries is lower than it was for the tokens it was learnt from,
    /// by more than `tolerance`.
    case versioned(after: Int = 8, tolerance: Double = 0.05)

    /// How many segments it is learnt from; nil where it isn't.
    var learningSegments: Int? {
        switch self {
        case .fresh, .given: nil
        case .frozen(let count), .updated(let count), .versioned(let count, _): count
        }
    }

    /// Checks that a recipe can name tokens by such a codebook.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument``.
    public func validate(for recipe: Recipe, channels: Int) throws(TokenReelError) {
        func refuse(_ found: String, _ allowed: String) -> TokenReelError {
            TokenReelError(.invalidArgument, subject: "codebook of the stream", found: found, allowed: allowed)
        }
        if case .fresh = self { return }
        guard recipe.hasher is any CodebookNaming else {
            throw refuse(
                recipe.hasher == nil
                    ? "method \(recipe.name), which has no hashing stage"
                    : "method \(recipe.name), which has several codes for a token",
                "a method that names each token by one codebook, or a fresh codebook for each segment")
        }
        if let count = learningSegments, !(1...1000 ~= count) { throw refuse("\(count) segments", "1 to 1000") }
        if case .versioned(_, let tolerance) = self, !(0...2 ~= tolerance) {
            throw refuse("a tolerance of \(tolerance)", "0 to 2")
        }
        if case .given(let entries) = self {
            guard entries.count > 0, entries.count.isMultiple(of: channels) else {
                throw refuse("\(entries.count) numbers", "whole entries of \(channels)")
            }
        }
    }
}

/// A hasher that can name tokens by a codebook that is not their own.
protocol CodebookNaming: TokenHasher {
    /// The nearest entry of each token `[N, channels]` in the codebook `[K, channels]`.
    func labels(
        of tokens: TensorBuffer<Float>, channels: Int, in entries: TensorBuffer<Float>, workers: Int
    ) -> [Int32]
}
