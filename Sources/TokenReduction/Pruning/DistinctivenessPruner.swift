internal import TensorOps
internal import TokenCore

/// Pruning by uniqueness: keeps the tokens least alike to the centre of their frame and of the whole video.
///
/// Source: VidCom2 (EMNLP 2025, arXiv 2505.14454). Only the channels that vary least over the video are looked at, and
/// tokens have unit length over them. With c the mean of all such tokens, or of a frame's,
///
///     commonness(x, c) = sum over a in {1/8, 1/4, 1/2, 1, 2} of exp(-|x - c|^2 / 2a)
///
/// and the tokens of lowest commonness to both centres stay. Frames far from the video's centre keep a larger share of
/// theirs: with z[t] the mean commonness of frame t to the video and `p = softmax(-z / temperature)` over frames,
///
///     share[t] = R (1 + p[t] - mean p), at most 1
///
/// Shapes: `[T, N, D]` to `[count, D]`, in raster order. Cost: O(T N D), three readings of the tokens.
///
/// With `asPublished` frame t keeps `max(1, round(share[t] N))`, so the total is near R T N only; otherwise the shares
/// are exact. A zero vector is as far from a centre as the centre is long.
struct DistinctivenessPruner: TokenPruner {
    static let descriptor = StageDescriptor(
        name: "distinctiveness", kind: .prune,
        summary:
            "Keeps the tokens least alike to their frame's and the video's centre, more of them in unusual frames.",
        source: "VidCom2, arXiv 2505.14454",
        parameters: [
            .real(
                "temperature", 0.01, in: 0.0001...100, "Smaller gives more of the budget to the most unusual frames."),
            .real(
                "channel-share", 0.5, in: 0.01...1, "Share of the channels that are compared, those that vary least."),
        ],
        cost: "O(T N D)")

    private let temperature: Float
    private let channelShare: Double

    init(_ values: ParameterValues) {
        temperature = Float(values.real("temperature"))
        channelShare = values.real("channel-share")
    }

    func selection(
        from candidates: CandidateTokens, of input: ReductionInput, count: Int
    ) throws(TokenReelError) -> [Int] {
        let frames = CandidateFrames(candidates, of: input)
        let (toVideo, toFrame) = commonness(of: frames, candidates.values, input)
        let sizes = frames.members.map { Double($0.count) }
        let boosts = boosts(
            of: frames.members.map { tokens in
                tokens.reduce(0) { $0 + toVideo[$1] } / Float(tokens.count)
            })
        let shares: [Int]
        if input.asPublished {
            let ratio = input.publishedRatio ?? Double(count) / Double(candidates.plan.count)
            shares = zip(boosts, sizes).map { max(1, Int((min(ratio * $0, 1) * $1).rounded(.toNearestOrEven))) }
        } else {
            let weights = zip(boosts, sizes).map { $0 * $1 }
            shares = Apportionment.share(count, among: weights, capacities: frames.members.map(\.count))
        }
        return frames.best(shares, by: zip(toVideo, toFrame).map { -($0 + $1) })
    }

    /// `1 + p - mean p` of each frame, from its mean commonness to the video.
    private func boosts(of means: [Float]) -> [Double] {
        Softmax.shares(of: means.map { -$0 }, temperature: temperature).map { 1 + $0 - 1 / Double(means.count) }
    }

    // MARK: Commonness

    private func commonness(
        of frames: CandidateFrames, _ values: TensorBuffer<Float>, _ input: ReductionInput
    ) -> (toVideo: [Float], toFrame: [Float]) {
        let channels = input.channels
        let kept = max(1, Int(Double(channels) * channelShare))
        let variances = ChannelStatistics.variances(of: values, channels: channels, workers: input.workers)
        let steady = Array(Ranking.smallest(kept, of: variances)).sorted()
        let members = Set(steady)
        let isSteady = (0..<channels).map { Float(members.contains($0) ? 1 : 0) }

        // Centres are zero in all other channels, so that whole tokens can be multiplied with them.
        let parts = frames.members.mapParallel(workers: input.workers) { tokens -> (scales: [Float], sum: [Float]) in
            let scales = tokens.map { token in
                let length = values.withRows(token..<token + 1, channels: channels) { Self.length($0, over: steady) }
                return length > 0 ? 1 / length : 0
            }
            return (scales, zip(frames.sum(of: tokens, scales: scales), isSteady).map { $0 * $1 })
        }
        let centre = (0..<channels).map { channel in
            parts.reduce(0) { $0 + $1.sum[channel] } / Float(frames.norms.count)
        }

        var toVideo = [Float](repeating: 0, count: frames.norms.count)
        var toFrame = toVideo
        let scores = Parallel.map(count: parts.count, workers: input.workers) { frame in
            let (tokens, part) = (frames.members[frame], parts[frame])
            return [centre, part.sum.map { $0 / Float(tokens.count) }].map {
                Self.commonness(dots: frames.dots(of: tokens, with: $0), part.scales, centre: $0)
            }
        }
        for (tokens, scores) in zip(frames.members, scores) {
            for (place, token) in tokens.enumerated() {
                toVideo[token] = scores[0][place]
                toFrame[token] = scores[1][place]
            }
        }
        return (toVideo, toFrame)
    }

    private static func commonness(dots: [Float], _ scales: [Float], centre: [Float]) -> [Float] {
        let square = centre.withUnsafeBufferPointer { Rows.dot($0, $0) }
        return zip(dots, scales).map { dot, scale in
            let distance = max(0, (scale > 0 ? 1 : 0) + square - 2 * dot * scale)
            // 1 / 2a for the five widths a.
            return [4, 2, 1, 0.5, 0.25].reduce(0) { $0 + Elementary.exp(-distance * $1) }
        }
    }

    private static func length(_ token: UnsafeBufferPointer<Float>, over channels: [Int]) -> Float {
        channels.reduce(Float(0)) { $0 + token[$1] * token[$1] }.squareRoot()
    }
}
