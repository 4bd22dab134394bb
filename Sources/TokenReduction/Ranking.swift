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

    /// `0 ..< count` in an order of which any first few lie evenly over the whole.
    ///
    /// By the fraction of `index * golden ratio`, which leaves gaps of three lengths at most (Slater, 1967). Decides
    /// between equals where the lowest indices would all lie at the start of a video.
    package static func spread(_ count: Int) -> [Int] {
        // The fraction of the golden ratio in 64 bits; multiplying drops what is whole.
        let fractions = (0..<count).map { UInt64($0) &* 0x9E37_79B9_7F4A_7C15 }
        return fractions.indices.sorted { fractions[$0] < fractions[$1] }
    }
}
