internal import TensorOps
package import TokenCore

/// Segments between the least smooth transitions of the video.
///
/// Source: FastVID's dynamic segmentation (arXiv 2503.11187) and FlashVID's (arXiv 2602.08024), which are one
/// operator on different vectors. With `s[t] = cos(g[t], g[t+1])` of one vector a frame, time is cut at every
/// transition with `s < tau`, and at the lowest ones until there are `min-segments` segments. FastVID compares the
/// features of the vision tower's pooling head, FlashVID each frame's mean token.
///
/// Shapes: `[T, F]` to at most T segments. Of equal transitions the earlier one is cut first.
/// Cost: O(T F), and O(T N D) for mean tokens.
package struct TransitionSegmenter: TemporalSegmenter {
    package static let descriptor = StageDescriptor(
        name: "transition", kind: .segment,
        summary: "Cuts time where neighbouring frames are least alike.",
        source: "FastVID, arXiv 2503.11187; FlashVID, arXiv 2602.08024",
        parameters: [
            .real("segment-tau", 0.9, in: -1...1, "Cosine of neighbouring frames below which time is always cut."),
            .whole("min-segments", 8, in: 1...1_000_000, "Segments there are at least, as far as there are frames."),
            .choice(
                "frame-vectors", among: Vectors.allCases.map(\.rawValue),
                "What stands for a frame: features that came with the grid, or its mean token."),
        ],
        needs: [.frameFeatures], substitutes: [.frameFeatures: "the mean token of each frame"], cost: "O(T N D)")

    private enum Vectors: String, CaseIterable {
        case features, means
    }

    private let threshold: Float
    private let fewest: Int
    private let vectors: Vectors

    package init(_ values: ParameterValues) {
        threshold = Float(values.real("segment-tau"))
        fewest = values.whole("min-segments")
        vectors = values.choice("frame-vectors", as: Vectors.self)
    }

    package var needs: Set<Signal> { vectors == .features ? [.frameFeatures] : [] }

    package func segments(of input: ReductionInput) throws(TokenReelError) -> [Segment] {
        try input.checkCancellation()
        let frames = input.grid.shape.frames
        let features = vectors == .features ? input.grid.frameFeatures.map { TensorBuffer($0) } : nil
        return Self.segments(
            of: Self.smoothness(features ?? input.frameMeans(), frames: frames), below: threshold, fewest: fewest)
    }

    /// `[T - 1]` cosines of each frame's vector to the next.
    private static func smoothness(_ vectors: TensorBuffer<Float>, frames: Int) -> [Float] {
        let channels = vectors.count / frames
        let units = Rows.normalized(vectors, channels: channels)
        return (0..<frames - 1).map { frame in
            units.withRows(frame..<frame + 1, channels: channels) { one in
                units.withRows(frame + 1..<frame + 2, channels: channels) { Rows.dot(one, $0) }
            }
        }
    }

    /// Segments that end after the transitions below `threshold`, or after the lowest if those are too few.
    package static func segments(of smoothness: [Float], below threshold: Float, fewest: Int) -> [Segment] {
        let sharp = smoothness.count { $0 < threshold }
        let cuts = Ranking.smallest(max(sharp, min(fewest - 1, smoothness.count)), of: smoothness).sorted()
        let bounds = [0] + cuts.map { $0 + 1 } + [smoothness.count + 1]
        return zip(bounds, bounds.dropFirst()).map { Segment(start: $0, end: $1) }
    }
}
