/// Orders by score with ties to the lower index, so that equal scores never depend on the sort.
public enum Ranking {
    /// Indices from the largest score to the smallest.
    public static func descending(_ scores: [Float]) -> [Int] {
        scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }
    }

    /// The indices of the `count` largest scores, largest first.
    public static func largest(_ count: Int, of scores: [Float]) -> ArraySlice<Int> {
        descending(scores).prefix(count)
    }

    /// The indices of the `count` smallest scores, smallest first.
    public static func smallest(_ count: Int, of scores: [Float]) -> ArraySlice<Int> {
        scores.indices.sorted { (scores[$0], $0) < (scores[$1], $1) }.prefix(count)
    }
}
