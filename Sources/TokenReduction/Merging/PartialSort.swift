/// Which of equal scores a reference takes for the largest, where that is all that decides between tokens.
enum PartialSort {
    /// The index that `torch.topk` gives for the first of `count` equal scores on a CPU.
    ///
    /// From 64 on a heap finds it, which moves nothing. Below, C++'s `nth_element` partitions around the middle
    /// element until three are left, and moves equal elements as it goes; here the same moves are made on the
    /// indices.
    static func front(ofEqual count: Int) -> Int {
        guard count < 64 else { return 0 }
        var indices = Array(0..<count)
        var end = count
        while end > 3 {
            indices.swapAt(0, end / 2)
            // Equal elements change places in pairs from both ends until these meet.
            var low = 1
            var high = end - 1
            while low < high {
                indices.swapAt(low, high)
                low += 1
                high -= 1
            }
            end = low
        }
        return indices.first ?? 0
    }
}
