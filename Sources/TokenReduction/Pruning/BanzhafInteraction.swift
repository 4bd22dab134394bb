internal import TensorOps
internal import TokenCore

/// How much a word and a frame gain from each other: their Banzhaf interaction in a game of words and frames.
///
/// Source: HBI (Jin et al., CVPR 2023, arXiv 2303.14369). A coalition C of some words and
/// frames is worth
///
///     v(C) = (mean over its words t of max_f S[t, f] + mean over its frames f of max_t S[t, f]) / 2
///
/// where similarities S count as 0 outside C and the mean of nothing is 0. The interaction of word i and frame j is
/// the mean of `v(C + i + j) - v(C + i) - v(C + j) + v(C)` over the coalitions of all others, each in with a chance
/// of one half. The released code samples them, and so does this: `samples` coalitions from a seed, the same for
/// every pair. Where there are no more coalitions than samples all are taken, and the result is exact.
///
/// Deviation: the released code leaves single similarities of i and j out of some terms and keeps only the last
/// sample; this follows the equations, with the same weight for every word and every frame.
///
/// At most 16 words and 64 frames. Cost: O(samples * (words * frames)^2).
package struct BanzhafInteraction {
    package static let mostWords = 16
    package static let mostFrames = 64

    /// `[words, frames]`.
    package let values: [Float]

    private struct Coalition {
        var words: UInt64
        var frames: UInt64
    }

    /// Plays the game of `similarity [words, frames]`.
    package init(_ similarity: [Float], words: Int, frames: Int, samples: Int, seed: UInt64, workers: Int) {
        precondition(words <= Self.mostWords && frames <= Self.mostFrames, "the game has a limited number of players")
        let coalitions = Self.coalitions(words: words, frames: frames, samples: samples, seed: seed)
        values = Parallel.map(count: words * frames, workers: workers) { pair -> Float in
            let word = UInt64(1) << (pair / frames)
            let frame = UInt64(1) << (pair % frames)
            return coalitions.reduce(Float(0)) { sum, coalition in
                func value(_ joining: Coalition) -> Float {
                    let members = Coalition(
                        words: coalition.words & ~word | joining.words,
                        frames: coalition.frames & ~frame | joining.frames)
                    return Self.value(of: members, similarity, words: words, frames: frames)
                }
                return sum + value(Coalition(words: word, frames: frame)) - value(Coalition(words: word, frames: 0))
                    - value(Coalition(words: 0, frames: frame)) + value(Coalition(words: 0, frames: 0))
            } / Float(coalitions.count)
        }
    }

    private static func coalitions(words: Int, frames: Int, samples: Int, seed: UInt64) -> [Coalition] {
        let players = words + frames
        if players < 32, 1 << players <= samples {
            return (0..<UInt64(1) << players).map { Coalition(words: $0 & (1 << words - 1), frames: $0 >> words) }
        }
        var generator = SplitMix64(state: seed)
        return (0..<samples).map { _ in Coalition(words: generator.next(), frames: generator.next()) }
    }

    private static func value(of members: Coalition, _ similarity: [Float], words: Int, frames: Int) -> Float {
        var bestOfFrame = [Float](repeating: -.infinity, count: frames)
        var ofWords: Float = 0
        var ofFrames: Float = 0
        let wordCount = (0..<words).count { members.words >> $0 & 1 == 1 }
        let frameCount = (0..<frames).count { members.frames >> $0 & 1 == 1 }
        for word in 0..<words where members.words >> word & 1 == 1 {
            // Similarities outside the coalition count as 0.
            var best: Float = frameCount < frames ? 0 : -.infinity
            for frame in 0..<frames where members.frames >> frame & 1 == 1 {
                best = max(best, similarity[word * frames + frame])
                bestOfFrame[frame] = max(bestOfFrame[frame], similarity[word * frames + frame])
            }
            ofWords += best
        }
        for frame in 0..<frames where members.frames >> frame & 1 == 1 {
            ofFrames += wordCount < words ? max(bestOfFrame[frame], 0) : bestOfFrame[frame]
        }
        return (ofWords / Float(max(wordCount, 1)) + ofFrames / Float(max(frameCount, 1))) / 2
    }
}
