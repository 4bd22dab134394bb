internal import TensorOps

/// Scores as shares of one.
enum Softmax {
    /// `exp(score / temperature)` divided by its sum.
    static func weights(of scores: [Float], temperature: Float) -> [Float] {
        let highest = scores.max() ?? 0
        let mass = scores.map { Elementary.exp(($0 - highest) / temperature) }
        let total = mass.reduce(0, +)
        return mass.map { $0 / total }
    }
}
