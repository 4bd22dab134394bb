/// Greedy choice of tokens far from one another, weighted by how much each is worth.
///
/// Source: DivPrune's max-min diversity (arXiv 2503.02175) with the weights of FlashVID (arXiv 2602.08024).
/// The first token has the largest weighted distance to its nearest other, and each further one the largest
/// weighted distance to its nearest chosen one; ties go to the lower index. O(n^2 + count n) for n tokens.
package enum MaxMinDiversity {
    /// `count` tokens in the order they are chosen.
    ///
    /// With `repeats` a token may be chosen again, which takes a turn and adds nothing; only negative weights lead
    /// there.
    ///
    /// - Precondition: `distances` is `[n, n]`, symmetric with a zero diagonal, and there is one weight for each token.
    package static func choose(_ count: Int, distances: [Float], weights: [Float], repeats: Bool = false) -> [Int] {
        let n = weights.count
        guard count > 0, n > 0 else { return [] }
        var isChosen = [Bool](repeating: false, count: n)
        var chosen: [Int] = []
        var nearest = [Float](repeating: .infinity, count: n)
        var next = largest(of: (0..<n).map { secondSmallest(distances[$0 * n..<($0 + 1) * n], weights[$0]) }, isChosen)
        for _ in 0..<count {
            guard let token = next else { break }
            if !isChosen[token] { chosen.append(token) }
            isChosen[token] = true
            for other in 0..<n { nearest[other] = min(nearest[other], distances[token * n + other] * weights[other]) }
            next = largest(of: nearest, repeats ? [Bool](repeating: false, count: n) : isChosen)
        }
        return chosen
    }

    private static func largest(of values: [Float], _ isOut: [Bool]) -> Int? {
        var best: Int?
        for index in values.indices where !isOut[index] {
            if best.map({ values[index] > values[$0] }) ?? true { best = index }
        }
        return best
    }

    /// The smallest is a token's distance to itself, unless its weight is negative.
    private static func secondSmallest(_ distances: ArraySlice<Float>, _ weight: Float) -> Float {
        var first = Float.infinity
        var second = Float.infinity
        for distance in distances {
            let value = distance * weight
            if value < first {
                second = first
                first = value
            } else if value < second {
                second = value
            }
        }
        return second
    }
}
