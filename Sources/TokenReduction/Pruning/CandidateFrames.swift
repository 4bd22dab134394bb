internal import TensorOps
internal import TokenCore

/// The candidates frame by frame, for methods that score a token against its frame or share a budget among frames.
struct CandidateFrames: Sendable {
    /// The candidates of each frame that has any, ascending.
    let members: [[Int]]
    /// `[C]` Euclidean lengths.
    let norms: [Float]

    private let values: TensorBuffer<Float>
    private let channels: Int

    init(_ candidates: CandidateTokens, of input: ReductionInput) {
        let shape = input.grid.shape
        var members = [[Int]](repeating: [], count: shape.frames)
        for (candidate, anchor) in candidates.plan.anchors.enumerated() {
            members[Int(anchor) / shape.tokensPerFrame].append(candidate)
        }
        let values = candidates.values
        self.members = members.filter { !$0.isEmpty }
        norms =
            candidates.plan.isIdentity
            ? input.norms
            : Rows.blocks(of: candidates.plan.count, size: 256).mapParallel(workers: input.workers) { block in
                values.withRows(block, channels: shape.channels) { Rows.norms($0, channels: shape.channels) }
            }.flatMap { $0 }
        self.values = values
        channels = shape.channels
    }

    /// `[D]`: the sum of the tokens, each times its scale; without scales as they are.
    func sum(of tokens: [Int], scales: [Float]? = nil) -> [Float] {
        var sum = [Float](repeating: 0, count: channels)
        sum.withUnsafeMutableBufferPointer { sum in
            for (place, token) in tokens.enumerated() {
                values.withRows(token..<token + 1, channels: channels) {
                    Rows.add($0, scale: scales?[place] ?? 1, to: sum)
                }
            }
        }
        return sum
    }

    /// The dot product of each of the tokens with a vector.
    func dots(of tokens: [Int], with vector: [Float]) -> [Float] {
        vector.withUnsafeBufferPointer { vector in
            tokens.map { token in values.withRows(token..<token + 1, channels: channels) { Rows.dot($0, vector) } }
        }
    }

    /// `[n, n]` cosines of every one of the tokens with every one; 0 for a zero vector.
    func cosines(among tokens: [Int]) -> [Float] {
        var cosines: [Float] = []
        // Tokens that lie one after another need not be copied together.
        if let first = tokens.first, tokens.last == first + tokens.count - 1 {
            cosines = values.withRows(first..<first + tokens.count, channels: channels) {
                Matrix.gram($0, channels: channels)
            }
        } else {
            let gathered = values.gathering(tokens, channels: channels)
            cosines = gathered.withUnsafeBufferPointer { Matrix.gram($0, channels: channels) }
        }
        let scales = tokens.map { norms[$0] > 0 ? 1 / norms[$0] : 0 }
        for row in tokens.indices {
            for column in tokens.indices {
                // One after the other, since the product of both may be out of range.
                cosines[row * tokens.count + column] *= scales[row]
                cosines[row * tokens.count + column] *= scales[column]
            }
        }
        return cosines
    }

    /// The best-scored candidates of each frame, as many as its share; all of them ascending.
    func best(_ shares: [Int], by scores: [Float]) -> [Int] {
        zip(members, shares).flatMap { tokens, share in
            Ranking.largest(share, of: tokens.map { scores[$0] }).map { tokens[$0] }
        }.sorted()
    }

    /// Equal parts of a budget for all frames, as far as they have candidates.
    func equalShares(of count: Int) -> [Int] {
        Apportionment.share(
            count, among: Array(repeating: 1, count: members.count), capacities: members.map(\.count))
    }
}
