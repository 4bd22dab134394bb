internal import TensorOps
internal import TokenCore

/// Follows every patch from frame to frame and averages it along its track.
///
/// Source: COVE (Wang et al., NeurIPS 2024, arXiv 2406.08850), sliding-window correspondence, there on diffusion
/// features. The token at place p of frame f corresponds to
///
///     argmax of cos(x[f, p], x[f + 1, q]) over the q in a window of l x l places around p
///
/// with ties to the smaller displacement, then raster order. Chained correspondences are tracks, and the stretches of a
/// track whose cosines are above tau become their mean. Where several tokens correspond to the same one their tracks
/// join, so that no token stands in two rows.
///
/// To meet a count correspondences are followed best first, see ``TokenLinks``. Shapes: `[T, N, D]` to `count` rows,
/// but never fewer than N. Anchors: the first token of a track. Cost: O(T N l W D) for frames of W columns; the paper's
/// l l in place of l W would not run as matrix products.
///
/// With `asPublished` every correspondence above tau is followed and no other.
struct TrackMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "tracks", kind: .merge, summary: "Averages patches along the tracks on which they move.",
        source: "COVE, arXiv 2406.08850",
        parameters: [
            .real("tau", 0.8, in: -1...1, "Correspondences with a cosine above this are followed first."),
            .whole("window", 9, in: 1...101, "Side of the window in which a patch may move from frame to frame."),
        ],
        cost: "O(T N l W D) for a window of side l")

    private let threshold: Float
    private let radius: Int

    init(_ values: ParameterValues) {
        threshold = Float(values.real("tau"))
        radius = values.whole("window") / 2
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let shape = input.grid.shape
        let pairs = try Parallel.map(count: shape.frames - 1, workers: input.workers) { frame throws(TokenReelError) in
            try input.checkCancellation()
            return Rows.blocks(of: shape.rows, size: max(radius, 1)).flatMap {
                correspondences(of: $0, frame: frame, input)
            }
        }
        var links = TokenLinks()
        for (token, found) in pairs.joined().enumerated() {
            links.append(from: token, to: found.token, similarity: found.cosine)
        }
        let tracks = try links.sets(of: input, above: threshold, count: count)
        return ReductionPlan(
            sourceCount: shape.tokenCount, rows: tracks.map { .init(anchor: $0[0], averaging: $0) })
    }

    /// What the tokens of some rows of a frame correspond to in the next frame.
    private func correspondences(
        of rows: Range<Int>, frame: Int, _ input: ReductionInput
    ) -> [(token: Int, cosine: Float)] {
        let shape = input.grid.shape
        let near = max(rows.lowerBound - radius, 0)..<min(rows.upperBound + radius, shape.rows)
        let tokens = input.grid.tokens(ofRows: rows, frame: frame)
        let others = input.grid.tokens(ofRows: near, frame: frame + 1)
        let products = input.grid.values.withRows(tokens, channels: input.channels) { tokens in
            input.grid.values.withRows(others, channels: input.channels) { others in
                Matrix.products(
                    tokens, rows: rows.count * shape.columns, others, rows: near.count * shape.columns,
                    channels: input.channels)
            }
        }
        return tokens.map { token in
            let (_, row, column) = input.grid.position(of: token)
            let line = (token - tokens.lowerBound) * others.count
            var best = (token: token, cosine: -Float.infinity, displacement: Int.max)
            for otherRow in max(row - radius, 0)..<min(row + radius + 1, shape.rows) {
                for otherColumn in max(column - radius, 0)..<min(column + radius + 1, shape.columns) {
                    let place = (otherRow - near.lowerBound) * shape.columns + otherColumn
                    let scale = input.norms[token] * input.norms[others.lowerBound + place]
                    let cosine = scale > 0 ? products[line + place] / scale : 0
                    let displacement =
                        (otherRow - row) * (otherRow - row) + (otherColumn - column) * (otherColumn - column)
                    if (cosine, best.displacement) > (best.cosine, displacement) {
                        best = (others.lowerBound + place, cosine, displacement)
                    }
                }
            }
            return (best.token, best.cosine)
        }
    }
}

extension TokenGrid {
    /// The tokens of some rows of a frame.
    fileprivate func tokens(ofRows rows: Range<Int>, frame: Int) -> Range<Int> {
        let first = frame * shape.tokensPerFrame
        return first + rows.lowerBound * shape.columns..<first + rows.upperBound * shape.columns
    }
}
