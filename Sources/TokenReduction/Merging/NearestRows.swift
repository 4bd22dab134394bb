internal import TensorOps
package import TokenCore

/// Finds the most similar of a fixed set of tokens, by all channels or by the few that tell most.
///
/// Source of the channel subset: Double Sparsity (Yang et al., arXiv 2408.07092), which picks the channels that
/// contribute most to `q . k` on calibration data. Here the calibration set is a sample of the tokens at hand: with j
/// the true nearest of sample i and `u` tokens divided by their length, a channel's importance is
///
///     sum over samples of u_ic u_jc
///
/// The approximate products over the c most important channels give four candidates for each token; their products over
/// all channels decide. Cost for n tokens and K keys: O(n K D), with a subset O(n K c + n (4 D + K) + S K D) for S
/// samples.
package struct NearestRows {
    /// Unit tokens `[K, D]`.
    private let keys: TensorBuffer<Float>
    private let channels: Int
    /// The channels that are looked at first, ascending; nil for all.
    private let subset: [Int]?
    /// The keys' channels of the subset `[K, c]`.
    private let subsetKeys: [Float]

    private static let candidates = 4
    private static let samples = 256

    private var count: Int { keys.count / channels }

    /// Prepares a search.
    ///
    /// - Parameters:
    ///   - keys: The tokens to search, `[K, channels]`, at least one.
    ///   - share: Share of the channels to look at first; at 1 the search is exact.
    ///   - samples: The tokens to calibrate on, of which a few are taken at equal distances.
    package init(keys: TensorBuffer<Float>, channels: Int, share: Double, samples: TensorBuffer<Float>, workers: Int) {
        self.keys = Rows.normalized(keys, channels: channels, workers: workers)
        self.channels = channels
        let wanted = max(Int((share * Double(channels)).rounded()), 1)
        guard wanted < channels else {
            subset = nil
            subsetKeys = []
            return
        }
        let importance = Self.importance(of: samples, self.keys, channels: channels)
        let subset = Ranking.largest(wanted, of: importance).sorted()
        self.subset = subset
        subsetKeys = self.keys.withUnsafeBufferPointer { Self.gather(subset, of: $0, channels: channels) }
    }

    /// For each token the place of the key with the largest cosine, and that cosine.
    package func nearest(to tokens: UnsafeBufferPointer<Float>) -> [(key: Int, cosine: Float)] {
        let norms = Rows.norms(tokens, channels: channels)
        let found = subset.map { approximate(tokens, $0) } ?? exact(tokens)
        return zip(found, norms).map { ($0.key, $1 > 0 ? $0.product / $1 : 0) }
    }

    private func exact(_ tokens: UnsafeBufferPointer<Float>) -> [(key: Int, product: Float)] {
        let products = keys.withUnsafeBufferPointer {
            Matrix.products(tokens, rows: tokens.count / channels, $0, rows: count, channels: channels)
        }
        return products.withUnsafeBufferPointer { products in
            (0..<tokens.count / channels).map { token in
                let row = UnsafeBufferPointer(rebasing: products[token * count..<(token + 1) * count])
                let best = Rows.indexOfMaximum(row)
                return (best, row[best])
            }
        }
    }

    private func approximate(_ tokens: UnsafeBufferPointer<Float>, _ subset: [Int]) -> [(key: Int, product: Float)] {
        let rows = tokens.count / channels
        let few = Self.gather(subset, of: tokens, channels: channels)
        var products = few.withUnsafeBufferPointer { few in
            subsetKeys.withUnsafeBufferPointer {
                Matrix.products(few, rows: rows, $0, rows: count, channels: subset.count)
            }
        }
        return products.withUnsafeMutableBufferPointer { products in
            (0..<rows).map { token in
                let row = UnsafeMutableBufferPointer(rebasing: products[token * count..<(token + 1) * count])
                let values = UnsafeBufferPointer(rebasing: tokens[token * channels..<(token + 1) * channels])
                var best = (key: 0, product: -Float.infinity)
                for _ in 0..<min(Self.candidates, count) {
                    let key = Rows.indexOfMaximum(UnsafeBufferPointer(row))
                    row[key] = -.infinity
                    let product = keys.withRows(key..<key + 1, channels: channels) { Rows.dot(values, $0) }
                    if (product, best.key) > (best.product, key) { best = (key, product) }
                }
                return best
            }
        }
    }

    /// What each channel adds to the products of sampled tokens with their nearest keys.
    private static func importance(
        of samples: TensorBuffer<Float>, _ keys: TensorBuffer<Float>, channels: Int
    ) -> [Float] {
        let rows = samples.count / channels
        let few = samples.gathering(
            Array(stride(from: 0, to: rows, by: max(rows / Self.samples, 1))), channels: channels)
        let units = Rows.normalized(few, channels: channels)
        let search = NearestRows(units: keys, channels: channels)
        var importance = [Float](repeating: 0, count: channels)
        units.withUnsafeBufferPointer { units in
            for (sample, nearest) in search.exact(units).enumerated() {
                for channel in 0..<channels {
                    importance[channel] += units[sample * channels + channel] * keys[nearest.key * channels + channel]
                }
            }
        }
        return importance
    }

    private init(units: TensorBuffer<Float>, channels: Int) {
        keys = units
        self.channels = channels
        subset = nil
        subsetKeys = []
    }

    /// Some channels of each row.
    private static func gather(_ subset: [Int], of values: UnsafeBufferPointer<Float>, channels: Int) -> [Float] {
        let rows = values.count / channels
        return [Float](unsafeUninitializedCapacity: rows * subset.count) { output, count in
            for row in 0..<rows {
                for (place, channel) in subset.enumerated() {
                    output[row * subset.count + place] = values[row * channels + channel]
                }
            }
            count = rows * subset.count
        }
    }
}
