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
package struct RedundancySegmenter: StreamingSegmenter {
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
        let starts = cut(similarity, staticCounts(similarity)).starts
        return Self.backTrace(from: similarity.frames, along: starts)
    }

    /// The segments before the latest cut that every continuation of the video makes.
    ///
    /// Let `t` be the last frame, and follow the back-trace of a longer video down to the first of its segments that starts
    /// at `t + 1` or before; call that start `s`. From `s` on it runs along the starts found for frames up to `t`, which later
    /// frames do not change. So the cuts common to the back-traces from all `s` that some continuation may choose are final.
    /// It chooses `s = t + 1`, or an `s <= t` with a segment `s...e`, `e > t`, that saves something: only if some cell has
    /// been static from `s` through `t`, and `t + 2 - s` frames are not too long for a segment. (A segment that saves nothing
    /// is never strictly better than a single frame.)
    ///
    /// Many such starts still lose in every continuation. Of the `k` cells static from `s` through `t` let `k'` stay so to
    /// `e`; from any later start `r` at least the same `k'` are static to `e`. So `s` gains at most `k' (r - s) <= k (r - s)`
    /// over `r`, and where `best[r - 1] - best[s - 1]` is no less, `r` is as good whatever comes; of equals the later start is
    /// taken. Cost: O(T N + T^2).
    package func settledSegments(of similarity: TemporalSimilarity) -> [Segment] {
        let frames = similarity.frames
        guard frames > 0 else { return [] }
        let counts = staticCounts(similarity)
        let (best, starts) = cut(similarity, counts)
        func saved(before start: Int) -> Int { start > 0 ? best[start - 1] : 0 }
        let last = frames - 1
        // Starts that a continuation may choose, the latest first.
        var open = [frames]
        for start in stride(from: last, through: 0, by: -1) where last + 2 - start <= longest {
            let staying = counts[start].count > last - start ? counts[start][last - start] : 0
            let isBeaten = open.contains { later in
                saved(before: later) - saved(before: start) >= staying * (later - start)
            }
            if staying > 0, !isBeaten { open.append(start) }
        }
        // Back-traces that have met stay together, so the latest start among them steps back until all have met.
        var traces = Set(open)
        while traces.count > 1, let latest = traces.max() {
            traces.remove(latest)
            traces.insert(starts[latest - 1])
        }
        return Self.backTrace(from: traces.first ?? 0, along: starts)
    }

    /// `best[e]`: what the best cut of the frames `0...e` saves; `starts[e]`: where its last segment starts.
    private func cut(
        _ similarity: TemporalSimilarity, _ staticCounts: [[Int]]
    ) -> (best: [Int], starts: [Int]) {
        let frames = similarity.frames
        var best = [Int](repeating: 0, count: frames)
        var starts = [Int](repeating: 0, count: frames)
        for end in 0..<frames {
            best[end] = end > 0 ? best[end - 1] : 0
            starts[end] = end
            for length in stride(from: 2, through: min(end + 1, longest), by: 1) {
                let first = end - length + 1
                let gain = (staticCounts[first].count > length - 1 ? staticCounts[first][length - 1] : 0) * (length - 1)
                let total = (first > 0 ? best[first - 1] : 0) + gain
                if total > best[end] {
                    best[end] = total
                    starts[end] = first
                }
            }
        }
        return (best, starts)
    }

    private static func backTrace(from end: Int, along starts: [Int]) -> [Segment] {
        var segments: [Segment] = []
        var end = end
        while end > 0 {
            segments.append(Segment(start: starts[end - 1], end: end))
            end = starts[end - 1]
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
