internal import TensorOps
package import TokenCore

/// Which tokens of a sequence may join others, and which may be joined.
package struct Bipartition: Sendable {
    /// Tokens that look for another.
    package var sources: [Int]
    /// Tokens that can be found.
    package var destinations: [Int]

    /// Two sets without a common token.
    package init(sources: [Int], destinations: [Int]) {
        self.sources = sources
        self.destinations = destinations
    }

    /// ToMe's: tokens 0, 2, 4 … are sources, tokens 1, 3, 5 … destinations.
    package static func alternating(_ count: Int) -> Bipartition { alternating(Array(0..<count)) }

    /// The same over tokens in an order of their own.
    package static func alternating(_ order: some Collection<Int>) -> Bipartition {
        let ranked = order.enumerated()
        return Bipartition(
            sources: ranked.filter { $0.offset.isMultiple(of: 2) }.map(\.element),
            destinations: ranked.filter { !$0.offset.isMultiple(of: 2) }.map(\.element))
    }
}

/// For each of one set of tokens the most alike of another: the step on which all bipartite merging rests.
///
/// Source: ToMe (Bolya et al., ICLR 2023, arXiv 2210.09461), section 3. For sources a and destinations b
///
///     s(a) = max over b of cos(a, b)
///
/// with ties to the first b. A source joins at most one destination and destinations never move, so merging any of the
/// sources needs no iteration. A zero vector has similarity 0 to everything (the references divide by zero).
///
/// Shapes: `[N, D]` to one pair for each source. Similarities are made block by block and never kept, so memory is
/// linear in N. Cost: O(|A| |B| D).
package struct BipartiteMatching: Sendable {
    /// What was matched with what.
    package let partition: Bipartition
    /// For each source the place, among the destinations, of the one that is most alike.
    package let nearest: [Int]
    /// For each source the cosine to that destination; empty like ``nearest`` where there are no destinations.
    package let similarity: [Float]

    private static let sourcesPerBlock = 1024
    private static let destinationsPerBlock = 4096

    /// Compares every source with every destination.
    package init(_ partition: Bipartition, of tokens: TokenRows, workers: Int = 1) {
        self.partition = partition
        let destinations = RowSelection(partition.destinations, of: tokens)
        let inverse = partition.destinations.map { tokens.norms[$0] > 0 ? 1 / tokens.norms[$0] : 0 }
        let sources = partition.destinations.isEmpty ? [] : partition.sources
        let found = Rows.blocks(of: sources.count, size: Self.sourcesPerBlock).mapParallel(workers: workers) { block in
            let sources = Array(sources[block])
            let best = Self.best(for: RowSelection(sources, of: tokens), among: destinations, inverse: inverse)
            return zip(sources, best).map { source, best in
                (best.place, tokens.norms[source] > 0 ? best.product / tokens.norms[source] : 0)
            }
        }.flatMap { $0 }
        nearest = found.map(\.0)
        similarity = found.map(\.1)
    }

    /// Places of the sources, the most alike to its destination first.
    package var ranking: [Int] { Ranking.descending(similarity) }

    /// The map over the sequence that joins the sources at the places `joining` with their destinations.
    ///
    /// - Parameters:
    ///   - sizes: How much each token of the sequence counts in an average; nil counts each once.
    ///   - leading: Tokens kept as they are, put before the destinations.
    ///   - trailing: Tokens kept as they are, put after them.
    package func plan(
        of count: Int, joining places: some Sequence<Int>, sizes: [Float]?, leading: [Int], trailing: [Int] = []
    ) -> ReductionPlan {
        var members = partition.destinations.map { [$0] }
        for place in places { members[nearest[place]].append(partition.sources[place]) }
        let merged = members.map { members -> ReductionPlan.Row in
            guard let sizes, members.count > 1 else { return .init(anchor: members[0], averaging: members) }
            let total = members.reduce(0) { $0 + sizes[$1] }
            return .init(anchor: members[0], sources: members, weights: members.map { sizes[$0] / total })
        }
        return ReductionPlan(
            sourceCount: count,
            rows: leading.map { .init(keeping: $0) } + merged + trailing.map { .init(keeping: $0) })
    }

    /// For each source the destination of the largest product with the destination's direction.
    private static func best(
        for sources: RowSelection, among destinations: RowSelection, inverse: [Float]
    ) -> [(place: Int, product: Float)] {
        var best = [(place: Int, product: Float)](repeating: (0, -.infinity), count: sources.count)
        for block in Rows.blocks(of: destinations.count, size: destinationsPerBlock) {
            let products = sources.products(with: destinations, rows: block)
            products.withUnsafeBufferPointer { products in
                inverse.withUnsafeBufferPointer { inverse in
                    for source in best.indices {
                        let row = source * block.count - block.lowerBound
                        for place in block {
                            let product = products[row + place] * inverse[place]
                            if product > best[source].product { best[source] = (place, product) }
                        }
                    }
                }
            }
        }
        return best
    }
}

/// Tokens in consecutive rows of a matrix, with their lengths.
package struct TokenRows: Sendable {
    /// The matrix, `[_, channels]`.
    package let values: TensorBuffer<Float>
    /// The row of the first token.
    package let first: Int
    /// Numbers of one token.
    package let channels: Int
    /// `[count]` Euclidean lengths.
    package let norms: [Float]

    /// Number of tokens.
    package var count: Int { norms.count }

    /// Tokens whose lengths are known.
    package init(values: TensorBuffer<Float>, first: Int, channels: Int, norms: [Float]) {
        self.values = values
        self.first = first
        self.channels = channels
        self.norms = norms
    }

    /// All rows of a matrix.
    package init(_ values: TensorBuffer<Float>, channels: Int) {
        let norms = values.withUnsafeBufferPointer { Rows.norms($0, channels: channels) }
        self.init(values: values, first: 0, channels: channels, norms: norms)
    }

    /// The mean of `groups` equal parts of each token, as LongVLM compares them: a cheap stand-in for averaging the
    /// keys of attention heads.
    ///
    /// Where the channels can't be divided so, the next smaller number of parts that divides them is taken.
    func averagingChannels(groups wanted: Int) -> TokenRows {
        let groups = stride(from: min(wanted, channels), to: 1, by: -1).first { channels.isMultiple(of: $0) } ?? 1
        guard groups > 1 else { return self }
        let width = channels / groups
        let means = values.withRows(first..<first + count, channels: channels) { tokens in
            TensorBuffer<Float>(count: count * width) { means in
                means.initialize(repeating: 0)
                for token in 0..<count {
                    let mean = UnsafeMutableBufferPointer(rebasing: means[token * width..<(token + 1) * width])
                    for group in 0..<groups {
                        let start = token * channels + group * width
                        Rows.add(
                            UnsafeBufferPointer(rebasing: tokens[start..<start + width]), scale: 1 / Float(groups),
                            to: mean)
                    }
                }
            }
        }
        return TokenRows(means, channels: width)
    }
}

/// Some rows of a matrix: read in place where they lie at equal distances, copied next to each other where not.
struct RowSelection: Sendable {
    let count: Int
    private let values: TensorBuffer<Float>
    private let first: Int
    private let step: Int
    private let channels: Int

    init(_ rows: [Int], of tokens: TokenRows) {
        count = rows.count
        channels = tokens.channels
        let step = rows.count > 1 ? rows[1] - rows[0] : 1
        if let start = rows.first, step > 0, zip(rows, rows.dropFirst()).allSatisfy({ $1 - $0 == step }) {
            (values, first, self.step) = (tokens.values, tokens.first + start, step)
        } else {
            let gathered = tokens.values.gathering(rows.map { tokens.first + $0 }, channels: tokens.channels)
            (values, first, self.step) = (gathered, 0, 1)
        }
    }

    /// `[count, rows.count]` dot products with some of another selection.
    func products(with other: RowSelection, rows: Range<Int>) -> [Float] {
        guard count > 0, !rows.isEmpty else { return [] }
        return [Float](unsafeUninitializedCapacity: count * rows.count) { output, filled in
            values.withUnsafeBufferPointer { mine in
                other.values.withUnsafeBufferPointer { others in
                    guard let base = output.baseAddress else { return }
                    Matrix.multiply(
                        view(0..<count, mine), transposed: other.view(rows, others),
                        into: MutableMatrixView(base, rows: count, columns: rows.count))
                }
            }
            filled = count * rows.count
        }
    }

    private func view(_ rows: Range<Int>, _ values: UnsafeBufferPointer<Float>) -> MatrixView {
        let start = (first + rows.lowerBound * step) * channels
        precondition(start + ((rows.count - 1) * step + 1) * channels <= values.count, "rows must lie in the matrix")
        guard let base = values.baseAddress else { preconditionFailure("a row has channels") }
        return MatrixView(base + start, rows: rows.count, columns: channels, stride: step * channels)
    }
}
