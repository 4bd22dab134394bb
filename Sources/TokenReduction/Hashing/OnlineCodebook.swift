internal import TensorOps
package import TokenCore

/// A codebook that follows the tokens it sees and gives up entries that nobody uses.
///
/// Source: WavTokenizer (arXiv 2408.16532), derived from its description; the update is the usual moving average of van
/// den Oord et al. (arXiv 1711.00937): `n_k <- a n_k + (1 - a) n'_k`, `m_k <- a m_k + (1 - a) sum of the batch's
/// tokens`, entry `m_k / n_k` with n smoothed after Laplace, `(n_k + e) / (sum n + K e) sum n`, decay a 0.99, e 1e-5.
/// It starts from k-means, and an entry whose n falls below `dead` is drawn anew from the batch, by a fixed seed. Cost:
/// O(N K D) a batch.
package struct OnlineCodebook: Sendable {
    /// `[K, channels]`.
    package private(set) var entries: TensorBuffer<Float>
    /// `[K]`: tokens for each entry, as a moving average over batches.
    package private(set) var usage: [Float]
    /// How many entries were drawn anew so far.
    package private(set) var redrawn = 0
    private var sums: [Float]
    private let channels: Int
    private let decay: Float
    private let dead: Float
    private var random: SplitMix64

    private static let smoothing: Float = 1e-5

    /// Starts from k-means over the first tokens, `[N, channels]`; no more entries than there are tokens.
    package init(
        startingFrom tokens: TensorBuffer<Float>, channels: Int, count: Int, iterations: Int = 10,
        decay: Float = 0.99, dead: Float = 2, seed: UInt64 = 0, workers: Int = 1
    ) {
        let means = EuclideanKMeans(
            of: tokens, channels: channels, count: count, iterations: iterations, seed: seed, workers: workers)
        var usage = [Float](repeating: 0, count: means.entries.count / channels)
        for label in means.labels { usage[Int(label)] += 1 }
        self.init(
            entries: means.entries, usage: usage, channels: channels, decay: decay, dead: dead, seed: seed)
    }

    /// Goes on from entries `[K, channels]` that name `usage` tokens of a batch each.
    package init(
        entries: TensorBuffer<Float>, usage: [Float], channels: Int, decay: Float = 0.99, dead: Float,
        seed: UInt64 = 0
    ) {
        self.entries = entries
        self.usage = usage
        sums = entries.withUnsafeBufferPointer { entries in
            entries.indices.map { entries[$0] * usage[$0 / channels] }
        }
        self.channels = channels
        self.decay = decay
        self.dead = dead
        random = SplitMix64(state: seed)
    }

    /// The nearest entry of each token, ties to the lower one.
    package func codes(of tokens: TensorBuffer<Float>, workers: Int = 1) -> [Int32] {
        EuclideanKMeans.nearest(tokens, channels: channels, to: entries, workers: workers).labels
    }

    /// Moves the entries towards the tokens of a batch `[N, channels]`, and draws unused ones anew from it.
    package mutating func update(with batch: TensorBuffer<Float>, workers: Int = 1) {
        update(with: batch, labels: codes(of: batch, workers: workers), workers: workers)
    }

    /// The same with entries that were chosen by another measure.
    package mutating func update(with batch: TensorBuffer<Float>, labels: [Int32], workers: Int = 1) {
        guard batch.count > 0 else { return }
        let batchSums = EuclideanKMeans.sums(
            of: batch, channels: channels, labels, count: usage.count, workers: workers)
        for entry in usage.indices {
            usage[entry] = decay * usage[entry] + (1 - decay) * Float(batchSums.members[entry])
        }
        for index in sums.indices {
            sums[index] = decay * sums[index] + (1 - decay) * batchSums.values[index]
        }
        redrawDead(from: batch)
        let total = usage.reduce(0, +)
        let smoothed = usage.map { usage in
            (usage + Self.smoothing) / (total + Float(self.usage.count) * Self.smoothing) * total
        }
        let (sums, channels) = (sums, channels)
        entries = TensorBuffer(count: sums.count) { output in
            for index in output.indices { output[index] = sums[index] / smoothed[index / channels] }
        }
    }

    private mutating func redrawDead(from batch: TensorBuffer<Float>) {
        let tokens = batch.count / channels
        for entry in usage.indices where usage[entry] < dead {
            let token = Int(random.unit() * Double(tokens))
            batch.withRows(token..<token + 1, channels: channels) { values in
                for (channel, value) in values.enumerated() { sums[entry * channels + channel] = dead * value }
            }
            usage[entry] = dead
            redrawn += 1
        }
    }
}
