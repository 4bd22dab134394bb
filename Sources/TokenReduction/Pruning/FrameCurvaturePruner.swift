internal import TensorOps
internal import TokenCore

/// Curvature-aware spatio-temporal pruning: frames where the video turns get more tokens, and tokens unlike their frame
/// stay.
///
/// Source: V-CAST (arXiv 2603.27650). With `g[t]` the mean token of frame t over its length, the path through the
/// frames bends by
///
///     curvature[t] = 1 - cos(g[t] - g[t-1], g[t+1] - g[t]), and 1 at both ends
///
/// and frames share the budget by `softmax(curvature / temperature)` after a minimum for each. In a frame the tokens
/// stay whose sum of distinctiveness and strength is highest:
///
///     score[t, n] = 1 - cos(x[t, n], g[t]) + (|x[t, n]| - least) / (greatest - least)
///
/// over the lengths of the frame. Shapes: `[T, N, D]` to `[count, D]`, in raster order. Cost: O(T N D), reading each
/// frame while it is in cache.
///
/// With `asPublished` the budget is `round(T N R)`, at least the minimum of all frames, and what rounding down leaves
/// goes to the frame of largest remainder until it is full, because the reference does not lower a remainder that it
/// has served. Otherwise no frame gets more than one of these. Tokens of equal length have no strength.
struct FrameCurvaturePruner: TokenPruner {
    static let descriptor = StageDescriptor(
        name: "frame-curvature", kind: .prune,
        summary: "Shares the budget by how sharply the video turns and keeps tokens that differ from their frame.",
        source: "V-CAST, arXiv 2603.27650",
        parameters: [
            .real("temperature", 0.7, in: 0.01...100, "Smaller gives more of the budget to the sharpest turns."),
            .whole("minimum", 1, in: 0...1_000_000, "Tokens that every frame keeps, as far as the budget goes."),
        ],
        cost: "O(T N D)")

    private let temperature: Float
    private let minimum: Int

    init(_ values: ParameterValues) {
        temperature = Float(values.real("temperature"))
        minimum = values.whole("minimum")
    }

    func selection(
        from candidates: CandidateTokens, of input: ReductionInput, count: Int
    ) throws(TokenReelError) -> [Int] {
        let frames = CandidateFrames(candidates, of: input)
        let profiles = frames.members.mapParallel(workers: input.workers) { Self.profile(of: $0, in: frames) }
        var scores = [Float](repeating: 0, count: candidates.plan.count)
        for (tokens, profile) in zip(frames.members, profiles) {
            for (place, token) in tokens.enumerated() { scores[token] = profile.scores[place] }
        }
        let curvature = Self.curvature(along: profiles.map(\.direction))
        let weights = Softmax.shares(of: curvature, temperature: temperature)
        let capacities = frames.members.map(\.count)
        let shares =
            input.asPublished
            ? publishedShares(weights, capacities, publishedCount(input, count))
            : exactShares(weights, capacities, count)
        return frames.best(shares, by: scores)
    }

    // MARK: Scores

    /// The direction of a frame's mean token, and the score of each of its tokens.
    private static func profile(
        of tokens: [Int], in frames: CandidateFrames
    ) -> (direction: [Float], scores: [Float]) {
        let sum = frames.sum(of: tokens)
        let length = sum.withUnsafeBufferPointer { Rows.dot($0, $0) }.squareRoot()
        let direction = length > 0 ? sum.map { $0 / length } : sum
        let dots = frames.dots(of: tokens, with: direction)
        let norms = tokens.map { frames.norms[$0] }
        let least = norms.min() ?? 0
        let range = (norms.max() ?? 0) - least
        let scores = zip(dots, norms).map { dot, norm in
            1 - (norm > 0 ? dot / norm : 0) + (range > 0 ? (norm - least) / range : 0)
        }
        return (direction, scores)
    }

    private static func curvature(along path: [[Float]]) -> [Float] {
        let steps = zip(path, path.dropFirst()).map { from, to in zip(to, from).map { $0 - $1 } }
        return path.indices.map { frame in
            guard frame > 0, frame < path.count - 1 else { return 1 }
            return steps[frame - 1].withUnsafeBufferPointer { before in
                steps[frame].withUnsafeBufferPointer { after in
                    let scale = (Rows.dot(before, before) * Rows.dot(after, after)).squareRoot()
                    return scale > 0 ? 1 - Rows.dot(before, after) / scale : 1
                }
            }
        }
    }

    // MARK: Shares

    private func exactShares(_ weights: [Double], _ capacities: [Int], _ count: Int) -> [Int] {
        let base = capacities.map { min(minimum, count / capacities.count, $0) }
        let open = zip(capacities, base).map { $0 - $1 }
        let rest = Apportionment.share(count - base.reduce(0, +), among: weights, capacities: open)
        return zip(base, rest).map { $0 + $1 }
    }

    private func publishedCount(_ input: ReductionInput, _ count: Int) -> Int {
        let sources = Double(input.grid.shape.tokenCount)
        return input.publishedRatio.map { Int(($0 * sources).rounded(.toNearestOrEven)) } ?? count
    }

    private func publishedShares(_ weights: [Double], _ capacities: [Int], _ count: Int) -> [Int] {
        let base = capacities.map { min(minimum, $0) }
        let total = min(max(count, base.reduce(0, +)), capacities.reduce(0, +))
        let quotas = weights.map { $0 * Double(total - base.reduce(0, +)) }
        var shares = capacities.indices.map { min(base[$0] + Int(quotas[$0]), capacities[$0]) }
        var left = total - shares.reduce(0, +)
        for frame in Ranking.descending(quotas.map { Float($0 - $0.rounded(.down)) }) {
            let granted = min(left, capacities[frame] - shares[frame])
            shares[frame] += granted
            left -= granted
        }
        return shares
    }
}
