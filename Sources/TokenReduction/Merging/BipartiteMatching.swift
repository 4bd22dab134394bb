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

    /// Compares every source with every destination.
    package init(_ partition: Bipartition, of tokens: TokenRows, workers: Int = 1) {
        self.partition = partition
        let sources = partition.destinations.isEmpty ? [] : partition.sources
        let destinations = NearestDestinations(partition.destinations, of: tokens, sourceCount: sources.count)
        let found = Rows.blocks(of: sources.count, size: Self.sourcesPerBlock).mapParallel(workers: workers) { block in
            let sources = Array(sources[block])
            return zip(sources, destinations.best(for: sources, of: tokens)).map { source, best in
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
}
