internal import TensorOps
package import TokenCore

/// Finds tokens that a tower has turned into sinks: far longer than others, by a few huge channels.
///
/// Towers park global information in some tokens of the background; these draw attention and dominate cosines without
/// showing anything of their place. Sources: massive activations (Sun et al., arXiv 2402.17762), what they do to
/// similarities (audio-visual speech recognition, arXiv 2510.22603), registers (Darcet et al., arXiv 2309.16588). The
/// thresholds are ours, relative to the frame and the token. A token x of a frame is a sink if
///
///     |x| > lengthRatio * median length in the frame   and   max |x_d| > peakRatio * median |x_d|
///
/// Cost: O(T N), and O(D log D) for each token that the first rule marks.
package struct MassiveActivations {
    package let lengthRatio: Float
    package let peakRatio: Float

    package init(lengthRatio: Float, peakRatio: Float) {
        self.lengthRatio = lengthRatio
        self.peakRatio = peakRatio
    }

    /// The sinks among some tokens of one frame, from all rows of `values` and their lengths; ascending if they do.
    package func sinks(
        among tokens: [Int], of values: TensorBuffer<Float>, norms: [Float], channels: Int
    ) -> [Int] {
        let limit = lengthRatio * Self.median(tokens.map { norms[$0] })
        return tokens.filter { token in
            guard norms[token] > limit else { return false }
            let magnitudes = values.withRows(token..<token + 1, channels: channels) { $0.map { abs($0) } }
            return (magnitudes.max() ?? 0) > peakRatio * Self.median(magnitudes)
        }
    }

    /// The middle value; of an even number the lower of the two.
    private static func median(_ values: [Float]) -> Float {
        values.isEmpty ? 0 : values.sorted()[(values.count - 1) / 2]
    }
}
