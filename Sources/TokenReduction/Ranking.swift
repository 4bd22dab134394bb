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
    /// Steps of the golden section, round and round: whatever their number, the gaps have three lengths at most (Sós,
    /// 1958). Decides between equals where the lowest indices would all lie at the start of a video.
    package static func spread(_ count: Int) -> [Int] {
        var step = max(Int(Double(count) / 1.618_033_988_749_895), 1)
        while !areCoprime(step, count) { step += 1 }
        return (0..<count).map { $0 * step % count }
    }

    private static func areCoprime(_ a: Int, _ b: Int) -> Bool { b == 0 ? a == 1 : areCoprime(b, a % b) }
}
