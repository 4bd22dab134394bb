internal import TensorOps
internal import TokenCore

/// Remembers every token, and makes room by merging the most similar among the older half.
///
/// While there are too many, pairs of the older half are taken in the order of their cosines, each token once, and
/// become their mean, counted by how many tokens of the stream each stands for; then again until all fit. So what is
/// recent stays as it is, and what is long ago gets coarser and coarser. Ties go to the earlier pair. Cost: O(N^2 D) a
/// segment for N remembered tokens.
struct MergingKeeper: MemoryKeeper {
    private let capacity: Int
    private let channels: Int
    private(set) var tokens: [MemoryToken] = []

    init(capacity: Int, channels: Int) {
        self.capacity = capacity
        self.channels = channels
    }

    mutating func remember(_ segment: MemorySegment) {
        tokens += segment.tokens
        while tokens.count > capacity { merge(atMost: tokens.count - capacity) }
    }

    /// Merges some pairs of the older half, at least one.
    private mutating func merge(atMost count: Int) {
        let older = max((tokens.count + 1) / 2, 2)
        let units = Rows.normalized(TensorBuffer(tokens[..<older].flatMap(\.values)), channels: channels)
        let cosines = units.withUnsafeBufferPointer {
            Matrix.products($0, rows: older, $0, rows: older, channels: channels)
        }
        // For each token its best partner among the later ones; the best pair of all is one of these.
        let partners = (0..<older - 1).map { first -> (second: Int, cosine: Float) in
            let second = (first + 1..<older).reduce(first + 1) {
                cosines[first * older + $1] > cosines[first * older + $0] ? $1 : $0
            }
            return (second, cosines[first * older + second])
        }
        var isTaken = [Bool](repeating: false, count: older)
        var gone: Set<Int> = []
        for first in Ranking.descending(partners.map(\.cosine)) where gone.count < count {
            let second = partners[first].second
            guard !isTaken[first], !isTaken[second] else { continue }
            isTaken[first] = true
            isTaken[second] = true
            tokens[first] = tokens[first].merged(with: tokens[second])
            gone.insert(second)
        }
        tokens = tokens.indices.filter { !gone.contains($0) }.map { tokens[$0] }.sorted { $0.anchor < $1.anchor }
    }

    mutating func forget(allBut frames: Set<Int>, cells: Int) {
        for index in tokens.indices { tokens[index].forget(allBut: frames, cells: cells) }
    }
}
