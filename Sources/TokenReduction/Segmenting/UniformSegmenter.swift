internal import TokenCore

/// Cuts time into segments of equal length, whatever happens in them.
///
/// Source: LongVLM (arXiv 2404.03384) takes 10 segments of 10 frames; so do most models that read clip by clip. Where
/// the frames can't be divided evenly, segment s begins at frame floor(s T / S). Cost: O(S).
struct UniformSegmenter: TemporalSegmenter {
    static let descriptor = StageDescriptor(
        name: "uniform", kind: .segment, summary: "Cuts time into segments of equal length.",
        source: "LongVLM, arXiv 2404.03384, section 3.1",
        parameters: [.whole("segments", 10, in: 1...100_000, "Number of segments; one a frame where there are fewer.")],
        cost: "O(S)")

    private let count: Int

    init(_ values: ParameterValues) { count = values.whole("segments") }

    func segments(of input: ReductionInput) throws(TokenReelError) -> [Segment] {
        let frames = input.grid.shape.frames
        let count = min(count, frames)
        return (0..<count).map { Segment(start: $0 * frames / count, end: ($0 + 1) * frames / count) }
    }
}
