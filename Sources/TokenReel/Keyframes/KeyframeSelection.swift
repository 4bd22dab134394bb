internal import TensorOps
internal import TokenCore
internal import TokenReduction

/// The few frames that show most of what the tokens of a video stand for.
///
/// Greedy facility location: a frame shows a token as well as the best cosine between it and any token that stands for a
/// patch of the frame; a set of frames shows it as well as its best frame. Frames are taken one by one, each the one that
/// raises most the mean over all tokens, weighted by the patches they stand for. That is the measure of coverage, with
/// frames in place of kept tokens; the greedy choice is within 1 - 1/e of the best.
///
/// O(F C N D) for F frames of N tokens and C tokens to show; long videos are sampled evenly, so that both are bounded.
public struct KeyframeSelection: Sendable {
    /// One chosen frame.
    public struct Keyframe: Sendable, Equatable {
        /// Its number in the grid.
        public let frame: Int
        /// Its place in the order of choice, from 0: the first `n` are what a budget of `n` would have chosen.
        public let rank: Int
        /// How much it added to ``KeyframeSelection/coverage``.
        public let gain: Double
        /// The segments that it stands for: those that no other chosen frame shows better.
        public let segments: [Int]
    }

    /// In order of time.
    public let keyframes: [Keyframe]
    /// Weighted mean over the tokens of how well the chosen frames show them, up to 1.
    public let coverage: Double

    private static let mostFrames = 1024
    private static let mostTokens = 2048
    /// What rounding alone can add.
    private static let leastGain = 1e-6

    /// Chooses up to `count` frames; fewer where more would add nothing, as in a video of few frames.
    public init(of sequence: TokenSequence, atMost count: Int, workers: Int = 1) {
        let shape = sequence.shape
        let tokens = Self.sample(sequence.count, Self.mostTokens)
        let frames = Self.sample(shape.frames, Self.mostFrames)
        let weights = tokens.map { Float(sequence.plan.entries(of: $0).count) }
        let total = weights.reduce(0) { $0 + Double($1) }
        let shown = Self.similarities(of: frames, to: tokens, weights, sequence, workers)
        var location = FacilityLocation(TensorBuffer(shown.flatMap(\.self)), candidates: frames.count, floor: 0)
        var chosen: [(place: Int, gain: Double)] = []
        while chosen.count < count, let next = location.next(), Double(next.gain) > Self.leastGain * total {
            chosen.append((next.candidate, Double(next.gain) / total))
        }
        var standsFor = [[Int]](repeating: [], count: chosen.count)
        for (index, segment) in sequence.segments.enumerated() where !chosen.isEmpty {
            let own = tokens.indices.filter { token in
                let frame = Int(sequence.plan.anchors[tokens[token]]) / max(shape.tokensPerFrame, 1)
                return segment.start <= frame && frame < segment.end
            }
            let scores = chosen.map { choice in own.reduce(0.0) { $0 + Double(shown[choice.place][$1]) } }
            // A segment without a token of its own goes to the frame that is nearest in time.
            let distances = chosen.map { -Double(abs(2 * frames[$0.place] + 1 - segment.start - segment.end)) }
            let by = own.isEmpty ? distances : scores
            if let place = by.indices.max(by: { (by[$0], $1) < (by[$1], $0) }) { standsFor[place].append(index) }
        }
        coverage = chosen.reduce(0) { $0 + $1.gain }
        keyframes = chosen.enumerated().map { rank, choice in
            Keyframe(frame: frames[choice.place], rank: rank, gain: choice.gain, segments: standsFor[rank])
        }.sorted { $0.frame < $1.frame }
    }

    /// Up to `limit` of the numbers below `count`, spread evenly.
    private static func sample(_ count: Int, _ limit: Int) -> [Int] {
        let taken = min(count, limit)
        return (0..<taken).map { (2 * $0 + 1) * count / (2 * taken) }
    }

    /// `[frames][tokens]`: how well each frame shows each token, 0 at least, times the token's weight.
    private static func similarities(
        of frames: [Int], to tokens: [Int], _ weights: [Float], _ sequence: TokenSequence, _ workers: Int
    ) -> [[Float]] {
        let channels = sequence.shape.channels
        let cells = sequence.shape.tokensPerFrame
        let owners = sequence.plan.owners
        let units = Rows.normalized(sequence.tokens, channels: channels, workers: workers)
        let wanted = units.gathering(tokens, channels: channels)
        return frames.mapParallel(workers: workers) { frame in
            let present = Set(owners[frame * cells..<(frame + 1) * cells]).filter { $0 >= 0 }.sorted().map(Int.init)
            guard !present.isEmpty, !tokens.isEmpty else { return [Float](repeating: 0, count: tokens.count) }
            let products = wanted.withUnsafeBufferPointer { wanted in
                units.gathering(present, channels: channels).withUnsafeBufferPointer { present in
                    Matrix.products(
                        wanted, rows: tokens.count, present, rows: present.count / channels, channels: channels)
                }
            }
            return tokens.indices.map { row in
                weights[row]
                    * products[row * present.count..<(row + 1) * present.count].reduce(0) { max($0, min($1, 1)) }
            }
        }
    }
}
