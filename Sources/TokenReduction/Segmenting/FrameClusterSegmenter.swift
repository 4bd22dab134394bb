internal import TensorOps
package import TokenCore

/// Segments of frames that fall into one cluster.
///
/// Source: PruneVid (Huang et al., ACL 2025, arXiv 2412.16117). DPC-KNN joins the mean tokens of the frames into
/// `ratio T` clusters, which need not lie together in time. Of each cluster only its longest runs of frames stay, and
/// none of one frame; the frames between them go, from first to last, to the longer of the runs next to them, which
/// grows by them, and of equals to the earlier.
///
/// Shapes: `[T, D]` to at most T segments. A clip without any run of two frames is one segment.
/// Cost: O(T N D + T^2 D).
package struct FrameClusterSegmenter: TemporalSegmenter {
    package static let descriptor = StageDescriptor(
        name: "frame-clusters", kind: .segment,
        summary: "Clusters the frames and makes the clusters contiguous in time.",
        source: "PruneVid, arXiv 2412.16117",
        parameters: [
            .real("segment-ratio", 0.25, in: 0...1, "Clusters of frames, as a share of the frames."),
            .whole("neighbours", 7, in: 1...1000, "Nearest neighbours that make up the density of a frame or token."),
        ],
        cost: "O(T N D + T^2 D)")

    private let ratio: Double
    private let neighbours: Int

    package init(_ values: ParameterValues) {
        ratio = values.real("segment-ratio")
        neighbours = values.whole("neighbours")
    }

    package func segments(of input: ReductionInput) throws(TokenReelError) -> [Segment] {
        try input.checkCancellation()
        let count = max(Int(Double(input.grid.shape.frames) * ratio), 1)
        let clusters = input.frameMeans().withUnsafeBufferPointer {
            DensityPeaks(
                $0, channels: input.channels, count: count, neighbours: neighbours, asPublished: input.asPublished)
        }
        return Self.contiguous(clusters.assignment)
    }

    private struct Run {
        let label: Int
        let frames: Range<Int>
    }

    /// Segments from one cluster label a frame.
    package static func contiguous(_ labels: [Int]) -> [Segment] {
        let runs = runs(of: labels)
        var longest: [Int: Int] = [:]
        for run in runs { longest[run.label] = max(longest[run.label] ?? 0, run.frames.count) }
        var refined = [Int?](repeating: nil, count: labels.count)
        for run in runs where run.frames.count > 1 && run.frames.count == longest[run.label] {
            for frame in run.frames { refined[frame] = run.label }
        }
        while let start = refined.firstIndex(of: nil) {
            let end = refined[start...].firstIndex { $0 != nil } ?? labels.count
            let before = refined[..<start].reversed().prefix { $0 == refined[start - 1] }.count
            let after = refined[end...].prefix { $0 == refined[end] }.count
            guard before + after > 0 else { return [Segment(start: 0, end: labels.count)] }
            let heir = after > before ? refined[end] : refined[start - 1]
            for frame in start..<end { refined[frame] = heir }
        }
        return self.runs(of: refined.compactMap { $0 }).map {
            Segment(start: $0.frames.lowerBound, end: $0.frames.upperBound)
        }
    }

    private static func runs(of labels: [Int]) -> [Run] {
        var runs: [Run] = []
        var start = 0
        for frame in labels.indices where frame + 1 == labels.count || labels[frame + 1] != labels[frame] {
            runs.append(Run(label: labels[frame], frames: start..<frame + 1))
            start = frame + 1
        }
        return runs
    }
}
