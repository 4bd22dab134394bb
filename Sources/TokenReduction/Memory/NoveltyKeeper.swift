internal import TensorOps
internal import TokenCore

/// Remembers the tokens that were least of all a combination of what came before them.
///
/// Source: the idea of PVC (arXiv 2412.09613), as in ``SubspaceNoveltyPruner``: with Q an orthonormal basis of the
/// tokens that entered last, a token's novelty when it comes is `|x - Q Q^T x|^2 / |x|^2`. Of each segment the tokens
/// enter, most novel first, that are more novel than the least novel token remembered, and drive that out; of equals
/// the older goes. Q holds the latest directions, at most half as many as there are channels, so what was not seen for
/// long is new again.
struct NoveltyKeeper: MemoryKeeper {
    private static let rank = 256

    private let capacity: Int
    private let channels: Int
    private var basis: RunningBasis
    private(set) var tokens: [MemoryToken] = []
    /// The novelty of each token when it came.
    private var novelties: [Float] = []

    init(capacity: Int, channels: Int) {
        self.capacity = capacity
        self.channels = channels
        basis = RunningBasis(rank: min(Self.rank, max(channels / 2, 1)), channels: channels)
    }

    mutating func remember(_ segment: MemorySegment) {
        let incoming = segment.tokens
        guard !incoming.isEmpty else { return }
        let units = Rows.normalized(TensorBuffer(incoming.flatMap(\.values)), channels: channels)
        // Anything new is worth a free place.
        let least = tokens.count < capacity ? 0 : novelties.min() ?? 0
        let entering = basis.mostNovel(min(incoming.count, capacity), of: units, above: least)
        let all = Array(zip(tokens, novelties)) + entering.map { (incoming[$0.row], $0.novelty) }
        let kept = Ranking.largest(min(capacity, all.count), of: all.reversed().map(\.1)).map { all.count - 1 - $0 }
        let ordered = kept.map { all[$0] }.sorted { $0.0.anchor < $1.0.anchor }
        tokens = ordered.map(\.0)
        novelties = ordered.map(\.1)
    }

    mutating func forget(allBut frames: Set<Int>, cells: Int) {
        for index in tokens.indices { tokens[index].forget(allBut: frames, cells: cells) }
    }
}
