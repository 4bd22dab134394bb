internal import TensorOps

/// Scores as shares of one.
enum Softmax {
    /// `exp(score / temperature)` divided by its sum.
    static func weights(of scores: [Float], temperature: Float) -> [Float] {
        let masses = masses(of: scores, temperature: temperature)
        let total = masses.reduce(0, +)
        return masses.map { $0 / total }
    }

    /// The same in double precision, for sharing a budget.
    static func shares(of scores: [Float], temperature: Float) -> [Double] {
        let masses = masses(of: scores, temperature: temperature).map(Double.init)
        let total = masses.reduce(0, +)
        return masses.map { $0 / total }
    }

    private static func masses(of scores: [Float], temperature: Float) -> [Float] {
        let highest = scores.max() ?? 0
        return scores.map { Elementary.exp(($0 - highest) / temperature) }
    }
}
