internal import TensorOps
internal import TokenCore

/// Pairs of tokens that may become one, such as a cell in two neighbouring frames, and how alike they are.
///
/// Following links joins tokens into sets. Published methods follow every link above a threshold. Here a count can be
/// met instead: links above the threshold are followed best first; if that leaves too many sets, the rest are compared
/// anew, by the means of the sets they would join, and followed best first in turn. So the threshold says how far
/// single tokens are to be trusted. Cost: O(T N D) to compare means, O(L log L) to rank L links.
struct TokenLinks {
    private var ends: [(from: Int, to: Int)] = []
    private var similarity: [Float] = []

    mutating func append(from: Int, to: Int, similarity: Float) {
        ends.append((from, to))
        self.similarity.append(similarity)
    }

    /// The sets of tokens, each ascending, in order of their first tokens: `count` or more.
    ///
    /// With `asPublished` every link above the threshold is followed and no other.
    func sets(of input: ReductionInput, above threshold: Float, count: Int) throws(TokenReelError) -> [[Int]] {
        var forest = Forest(input.grid.shape.tokenCount)
        let least = input.asPublished ? 0 : count
        follow(similarity, above: threshold, in: &forest, until: least)
        if !input.asPublished, forest.count > count {
            try input.checkCancellation()
            follow(compareMeans(forest, input), above: -.infinity, in: &forest, until: least)
        }
        return forest.sets
    }

    private func follow(_ similarity: [Float], above threshold: Float, in forest: inout Forest, until count: Int) {
        for link in Ranking.descending(similarity) {
            guard forest.count > count, similarity[link] > threshold else { return }
            forest.join(ends[link].from, ends[link].to)
        }
    }

    /// For each token the set that holds it.
    private static func owners(_ sets: [[Int]], of tokens: Int) -> [Int] {
        var owners = [Int](repeating: 0, count: tokens)
        for (index, set) in sets.enumerated() { for token in set { owners[token] = index } }
        return owners
    }

    /// For each link the cosine of the means of the two sets it connects.
    private func compareMeans(_ forest: Forest, _ input: ReductionInput) -> [Float] {
        let sets = forest.sets
        let owners = Self.owners(sets, of: input.grid.shape.tokenCount)
        let means = ReductionPlan(
            sourceCount: owners.count, rows: sets.map { .init(anchor: $0[0], averaging: $0) }
        ).applied(to: input.grid.values, channels: input.channels)
        return Rows.blocks(of: ends.count, size: 256).mapParallel(workers: input.workers) { block -> [Float] in
            block.map { link in
                let from = owners[ends[link].from]
                let to = owners[ends[link].to]
                guard from != to else { return 1 }
                return means.withRows(from..<from + 1, channels: input.channels) { a in
                    means.withRows(to..<to + 1, channels: input.channels) { b in
                        Rows.cosines(a, b, channels: input.channels)[0]
                    }
                }
            }
        }.flatMap { $0 }
    }
}

/// Disjoint sets of tokens that can be joined.
private struct Forest {
    private(set) var count: Int
    private var parents: [Int]

    init(_ count: Int) {
        self.count = count
        parents = Array(0..<count)
    }

    private mutating func root(_ token: Int) -> Int {
        var token = token
        while parents[token] != token {
            parents[token] = parents[parents[token]]
            token = parents[token]
        }
        return token
    }

    mutating func join(_ a: Int, _ b: Int) {
        let first = root(a)
        let second = root(b)
        guard first != second else { return }
        parents[max(first, second)] = min(first, second)
        count -= 1
    }

    /// Each set ascending, in order of their first tokens.
    var sets: [[Int]] {
        var copy = self
        var members = [[Int]](repeating: [], count: parents.count)
        for token in parents.indices { members[copy.root(token)].append(token) }
        return members.filter { !$0.isEmpty }
    }
}
