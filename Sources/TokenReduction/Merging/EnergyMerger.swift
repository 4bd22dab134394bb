internal import TensorOps
internal import TokenCore

/// Spectrum-preserving merging (PiToMe): only tokens that lie among many alike merge, isolated ones are protected.
///
/// Source: PiToMe (Tran et al., NeurIPS 2024, arXiv 2405.16148), section 3.2. With cosines S and a margin m
///
///     E(i) = mean over j of elu(S(i, j) - m),   elu(z) = z for z > 0, else alpha (e^z - 1)
///
/// To merge r pairs, the 2r tokens of highest energy are dealt in turn to sources and destinations, and every source
/// joins its most alike destination; the rest stay as they are. The variant `bsm` deals out all tokens and merges
/// the r most alike pairs.
///
/// Shapes: `[n, D]` of each sequence to exactly its share of the count, in more than one round where r is above n / 2.
/// With `asPublished` there is one round of r = floor(n - n R), clipped to n / 2, where the reference fails. The
/// reference lowers the margin from layer to layer of a tower; here it is one number. Energies are summed block by
/// block, so no n x n matrix is held. Cost: O(n^2 D) a round.
struct EnergyMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "energy", kind: .merge,
        summary: "Merges tokens that have many alike, by their energy, and protects those that stand alone.",
        source: "PiToMe, arXiv 2405.16148",
        parameters: [
            MergeScope.parameter,
            .real("margin", 0.5, in: -1...1, "Cosine above which two tokens count as alike."),
            .real("alpha", 1, in: 0...10, "How much tokens that are not alike lower the energy."),
            .choice(
                "variant", among: ["pitome", "bsm"],
                "Whether only the tokens of highest energy may merge, or the most alike of all."),
        ], cost: "O(T N^2 D) within frames, O(T^2 N^2 D) over the clip")

    private enum Variant: CaseIterable { case pitome, bsm }

    private let scope: MergeScope
    private let margin: Float
    private let alpha: Float
    private let variant: Variant

    init(_ values: ParameterValues) {
        scope = values.choice("scope", as: MergeScope.self)
        margin = Float(values.real("margin"))
        alpha = Float(values.real("alpha"))
        variant = values.choice("variant", as: Variant.self)
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let merging = SequenceMerging(scope, of: input, segments, count: count)
        let workers = merging.workersWithin(input)
        return try merging.plan(of: input) { sequence, target throws(TokenReelError) in
            if input.asPublished {
                let length = Double(sequence.count)
                let removed = input.publishedRatio.map { Int(length - length * $0) } ?? sequence.count - target
                return merge(min(removed, sequence.count / 2), of: &sequence, workers)
            }
            while sequence.count > target {
                try input.checkCancellation()
                merge(min(sequence.count - target, sequence.count / 2), of: &sequence, workers)
            }
        }
    }

    private func merge(_ pairs: Int, of sequence: inout MergeSequence, _ workers: Int) {
        guard pairs > 0 else { return }
        let tokens = sequence.tokens
        let order = Ranking.descending(Self.energy(of: tokens, margin: margin, alpha: alpha, workers: workers))
        switch variant {
        case .pitome:
            let matching = BipartiteMatching(.alternating(order.prefix(2 * pairs)), of: tokens, workers: workers)
            sequence.apply(
                matching.plan(
                    of: sequence.count, joining: 0..<pairs, sizes: sequence.plan.sizes,
                    leading: Array(order.dropFirst(2 * pairs))))
        case .bsm:
            let matching = BipartiteMatching(.alternating(order), of: tokens, workers: workers)
            sequence.apply(matching, ranking: matching.ranking, merging: pairs)
        }
    }

    /// The energy of each token, its similarity to itself included.
    static func energy(of tokens: TokenRows, margin: Float, alpha: Float, workers: Int) -> [Float] {
        let all = RowSelection(Array(0..<tokens.count), of: tokens)
        let inverse = tokens.norms.map { $0 > 0 ? 1 / $0 : 0 }
        return Rows.blocks(of: tokens.count, size: 256).mapParallel(workers: workers) { block in
            let rows = RowSelection(Array(block), of: tokens)
            var sums = [Float](repeating: 0, count: block.count)
            for columns in Rows.blocks(of: tokens.count, size: 4096) {
                let products = rows.products(with: all, rows: columns)
                for row in sums.indices {
                    let scale = inverse[block.lowerBound + row]
                    for (place, column) in columns.enumerated() {
                        let excess = products[row * columns.count + place] * scale * inverse[column] - margin
                        sums[row] += excess > 0 ? excess : alpha * (Elementary.exp(excess) - 1)
                    }
                }
            }
            return sums.map { $0 / Float(tokens.count) }
        }.flatMap { $0 }
    }
}
