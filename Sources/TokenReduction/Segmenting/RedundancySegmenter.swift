package import TokenCore

/// Global redundancy-aware segmentation: the cut of time that lets the most tokens be merged.
///
/// Source: HoliTom (Shao et al., NeurIPS 2025, arXiv 2505.21334), section 3.2. A cell is static in frames `s...e` if
/// its similarity to the next frame is above tau all the way. Merging the static cells of a segment into one frame
/// saves
///
///     gain(s, e) = #static(s, e) * (e - s)
///
/// tokens, and dynamic programming finds the segments whose gains sum to the most: `best[e] = max over s of
/// best[s - 1] + gain(s, e)`. Of equally good cuts the last segment is the shortest.
///
/// Shapes: similarities `[T - 1, N]` to at most T segments. The reference holds a `[T, T, N]` tensor; here each cell
/// keeps only how far it stays static, and a count over cells serves all segments that start at one frame.
/// Cost: O(T N + T^2).
package struct RedundancySegmenter: TemporalSegmenter {
    package static let descriptor = StageDescriptor(
        name: "redundancy", kind: .segment,
        summary: "Cuts time where the most tokens can be merged, found by dynamic programming over the whole video.",
        source: "HoliTom, arXiv 2505.21334, section 3.2",
        parameters: [
            .real("tau", 0.8, in: -1...1, "A cell is static while its cosine to the next frame is above this."),
            .whole("max-window", 1024, in: 1...1_000_000, "Longest segment, in frames."),
        ],
        cost: "O(T N D + T^2)")

    private let threshold: Float
    private let longest: Int

    package init(_ values: ParameterValues) {
        threshold = Float(values.real("tau"))
        longest = values.whole("max-window")
    }

    package func segments(of input: ReductionInput) throws(TokenReelError) -> [Segment] {
        segments(of: input.temporalSimilarity)
    }

    package func segments(of similarity: TemporalSimilarity) -> [Segment] {
        let frames = similarity.frames
        guard frames > 0 else { return [] }
        let staticCounts = staticCounts(similarity)
        var best = [Int](repeating: 0, count: frames)
        var start = [Int](repeating: 0, count: frames)
        for end in 0..<frames {
            best[end] = end > 0 ? best[end - 1] : 0
            start[end] = end
            for length in stride(from: 2, through: min(end + 1, longest), by: 1) {
                let first = end - length + 1
                let gain = (staticCounts[first].count > length - 1 ? staticCounts[first][length - 1] : 0) * (length - 1)
                let total = (first > 0 ? best[first - 1] : 0) + gain
                if total > best[end] {
                    best[end] = total
                    start[end] = first
                }
            }
        }
        var segments: [Segment] = []
        var end = frames
        while end > 0 {
            segments.append(Segment(start: start[end - 1], end: end))
            end = start[end - 1]
        }
        return segments.reversed()
    }

    /// `counts[s][l]`: how many cells are static in frames `s ... s + l`, as far as any is.
    private func staticCounts(_ similarity: TemporalSimilarity) -> [[Int]] {
        let frames = similarity.frames
        let cells = similarity.cells
        // How many further frames each cell stays static, counted from the back of the video.
        var reach = [Int](repeating: 0, count: cells)
        var counts = [[Int]](repeating: [], count: frames)
        for first in stride(from: frames - 1, through: 0, by: -1) {
            if first < frames - 1 {
                for cell in 0..<cells {
                    let isStatic = similarity.values[first * cells + cell] > threshold
                    reach[cell] = isStatic ? min(reach[cell] + 1, longest - 1) : 0
                }
            }
            var staying = [Int](repeating: 0, count: (reach.max() ?? 0) + 1)
            for steps in reach { staying[steps] += 1 }
            for steps in stride(from: staying.count - 2, through: 0, by: -1) { staying[steps] += staying[steps + 1] }
            counts[first] = staying
        }
        return counts
    }
}
