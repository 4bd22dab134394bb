internal import TensorOps
public import TokenCore

/// K-means on the unit sphere: clusters by direction, so that cosine decides.
///
/// Source: Dhillon & Modha, "Concept decompositions for large sparse text data using clustering", 2001. Every step
/// assigns each token to the centroid of highest cosine (ties to the lower number) and moves each centroid to the
/// normalised weighted mean of its tokens. A code that lost all its tokens takes over the token that is worst
/// represented by its own code.
///
/// With ``Rule/published`` it follows VQToken's code (arXiv 2503.16980) instead: centroids stay plain means, a dead
/// code keeps its old centroid, and iteration ends when the centroids move less than 1e-4 in Frobenius norm, with
/// labels and centroids of before that last step.
///
/// Shapes: unit tokens `[N, D]`, centroids `[K, D]`. Cost: O(N K D) a step.
public struct SphericalKMeans: Sendable {
    /// How centroids move.
    public enum Rule: Sendable {
        /// Normalised means; dead codes are revived.
        case spherical
        /// VQToken's released code.
        case published
    }

    /// `[N]`: the code of each token.
    public private(set) var labels: [Int32]
    /// `[N]`: cosine of each token to the centroid of its code.
    public private(set) var similarity: [Float]
    /// `[K, D]`.
    public private(set) var centroids: TensorBuffer<Float>
    /// Number of steps taken.
    public private(set) var iterations = 0

    private static let tolerance: Float = 1e-4

    /// Clusters unit tokens, starting from given centroids.
    ///
    /// - Parameters:
    ///   - tokens: `[N, channels]`, rows of length 1 (or zero), N at least K.
    ///   - weights: `[N]`, how much each token counts; nil for equal weights.
    ///   - centroids: `[K, channels]`, K at least 1.
    ///   - maxIterations: Steps at most, at least 1.
    public init(
        tokens: TensorBuffer<Float>, channels: Int, weights: [Float]? = nil, centroids: TensorBuffer<Float>,
        maxIterations: Int, rule: Rule = .spherical, workers: Int = 1
    ) {
        let count = tokens.count / channels
        let codes = centroids.count / channels
        precondition(codes >= 1 && (count >= codes || rule == .published), "at most one code for each token")
        self.centroids = centroids
        labels = []
        similarity = []
        var settled = false
        while !settled, iterations < maxIterations {
            iterations += 1
            let step = Step(
                tokens: tokens, channels: channels, weights: weights,
                centroids: Rows.normalized(self.centroids, channels: channels), workers: workers)
            var sums = step.sums
            var next = step.labels
            if rule == .spherical {
                Self.reviveDeadCodes(&next, &sums, step, tokens: tokens, channels: channels, weights: weights)
            }
            settled = rule == .spherical && next == labels
            labels = next
            similarity = step.similarity
            let moved = sums.centroids(fallback: self.centroids, normalized: rule == .spherical)
            if rule == .published, Self.distance(self.centroids, moved) < Self.tolerance { break }
            self.centroids = moved
        }
    }

    /// Sum of squared Euclidean distances of the tokens to the centroids of their codes.
    public func distortion(of tokens: TensorBuffer<Float>, channels: Int) -> Double {
        labels.enumerated().reduce(0) { total, pair in
            let centroid = Int(pair.element)
            return tokens.withRows(pair.offset..<pair.offset + 1, channels: channels) { token in
                centroids.withRows(centroid..<centroid + 1, channels: channels) { centroid in
                    let squares = Rows.dot(token, token) + Rows.dot(centroid, centroid)
                    return total + Double(max(squares - 2 * Rows.dot(token, centroid), 0))
                }
            }
        }
    }

    /// The nearest centroid of each token and the cosine to it, for tokens of any length.
    static func assign(
        _ tokens: TensorBuffer<Float>, channels: Int, norms: [Float], to centroids: TensorBuffer<Float>, workers: Int
    ) -> (labels: [Int32], similarity: [Float]) {
        let units = Rows.normalized(centroids, channels: channels)
        let blocks = Rows.blocks(of: tokens.count / channels, size: 256).mapParallel(workers: workers) { block in
            Step.nearest(tokens, rows: block, units, channels: channels)
        }
        let dots = blocks.flatMap(\.similarity)
        return (blocks.flatMap(\.labels), zip(dots, norms).map { $1 > 0 ? $0 / $1 : 0 })
    }

    /// Gives each dead code the worst represented token of a code that has more than one.
    private static func reviveDeadCodes(
        _ labels: inout [Int32], _ sums: inout CodeSums, _ step: Step, tokens: TensorBuffer<Float>, channels: Int,
        weights: [Float]?
    ) {
        let dead = sums.members.indices.filter { sums.members[$0] == 0 }
        guard !dead.isEmpty else { return }
        var donors = Ranking.smallest(labels.count, of: step.similarity)
        for code in dead {
            guard let place = donors.firstIndex(where: { sums.members[Int(labels[$0])] > 1 }) else { return }
            let token = donors[place]
            donors.removeSubrange(donors.startIndex...place)
            let weight = weights?[token] ?? 1
            tokens.withRows(token..<token + 1, channels: channels) { values in
                sums.add(values, weight: -weight, to: Int(labels[token]))
                sums.add(values, weight: weight, to: code)
            }
            sums.members[Int(labels[token])] -= 1
            sums.members[code] += 1
            labels[token] = Int32(code)
        }
    }

    private static func distance(_ a: TensorBuffer<Float>, _ b: TensorBuffer<Float>) -> Float {
        var sum: Float = 0
        for index in 0..<a.count { sum += (a[index] - b[index]) * (a[index] - b[index]) }
        return sum.squareRoot()
    }
}

/// One assignment of all tokens, with what the next centroids are made of.
private struct Step {
    let labels: [Int32]
    let similarity: [Float]
    let sums: CodeSums

    init(
        tokens: TensorBuffer<Float>, channels: Int, weights: [Float]?, centroids: TensorBuffer<Float>, workers: Int
    ) {
        let count = tokens.count / channels
        let codes = centroids.count / channels
        // A part holds sums for all codes, so there are few; how many depends on the data only, never on the workers.
        let parts = Rows.blocks(of: count, size: max(512, codes, (count + 15) / 16))
        let results = parts.mapParallel(workers: workers) { part in
            var sums = CodeSums(codes: codes, channels: channels)
            var labels: [Int32] = []
            var similarity: [Float] = []
            // Small blocks stay in cache between the product and the sums.
            for start in stride(from: part.lowerBound, to: part.upperBound, by: 64) {
                let block = start..<min(start + 64, part.upperBound)
                let nearest = Self.nearest(tokens, rows: block, centroids, channels: channels)
                for (token, label) in zip(block, nearest.labels) {
                    tokens.withRows(token..<token + 1, channels: channels) {
                        sums.add($0, weight: weights?[token] ?? 1, to: Int(label))
                    }
                    sums.members[Int(label)] += 1
                }
                labels += nearest.labels
                similarity += nearest.similarity
            }
            return (labels: labels, similarity: similarity, sums: sums)
        }
        labels = results.flatMap(\.labels)
        similarity = results.flatMap(\.similarity)
        var total = results[0].sums
        for result in results.dropFirst() { total.add(result.sums) }
        sums = total
    }

    /// The centroid of largest dot product for some rows, ties to the lower number.
    static func nearest(
        _ tokens: TensorBuffer<Float>, rows: Range<Int>, _ centroids: TensorBuffer<Float>, channels: Int
    ) -> (labels: [Int32], similarity: [Float]) {
        let codes = centroids.count / channels
        let products = tokens.withRows(rows, channels: channels) { tokens in
            centroids.withUnsafeBufferPointer { centroids in
                Matrix.products(tokens, rows: rows.count, centroids, rows: codes, channels: channels)
            }
        }
        return products.withUnsafeBufferPointer { products in
            let labels = (0..<rows.count).map { row in
                Rows.indexOfMaximum(UnsafeBufferPointer(rebasing: products[row * codes..<(row + 1) * codes]))
            }
            return (labels.map { Int32($0) }, labels.enumerated().map { products[$0 * codes + $1] })
        }
    }
}

/// Weighted sums of the tokens of each code.
struct CodeSums: Sendable {
    var members: [Int]
    private var weights: [Float]
    private(set) var values: [Float]
    private let channels: Int

    init(codes: Int, channels: Int) {
        members = Array(repeating: 0, count: codes)
        weights = Array(repeating: 0, count: codes)
        values = Array(repeating: 0, count: codes * channels)
        self.channels = channels
    }

    mutating func add(_ token: UnsafeBufferPointer<Float>, weight: Float, to code: Int) {
        weights[code] += weight
        values.withUnsafeMutableBufferPointer { values in
            let row = UnsafeMutableBufferPointer(rebasing: values[code * channels..<(code + 1) * channels])
            Rows.add(token, scale: weight, to: row)
        }
    }

    mutating func add(_ other: CodeSums) {
        for code in members.indices {
            members[code] += other.members[code]
            weights[code] += other.weights[code]
        }
        values.withUnsafeMutableBufferPointer { values in
            other.values.withUnsafeBufferPointer { Rows.add($0, scale: 1, to: values) }
        }
    }

    /// Means of the codes that have tokens; the others keep their old centroid.
    func centroids(fallback: TensorBuffer<Float>, normalized: Bool) -> TensorBuffer<Float> {
        let means = fallback.withUnsafeBufferPointer { old in
            values.withUnsafeBufferPointer { values in
                TensorBuffer<Float>(count: values.count) { output in
                    for code in members.indices {
                        let row = code * channels..<(code + 1) * channels
                        let isDead = members[code] == 0 || weights[code] <= 0
                        Rows.scale(
                            UnsafeBufferPointer(rebasing: (isDead ? old : values)[row]),
                            by: isDead ? 1 : 1 / weights[code],
                            into: UnsafeMutableBufferPointer(rebasing: output[row]))
                    }
                }
            }
        }
        return normalized ? Rows.normalized(means, channels: channels) : means
    }
}
