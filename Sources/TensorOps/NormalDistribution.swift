internal import CLibrary

/// The standard normal distribution.
public enum NormalDistribution {
    /// Density at `x`.
    public static func density(_ x: Double) -> Double { exp(-x * x / 2) / (2 * Double.pi).squareRoot() }

    /// Probability of a value up to `x`.
    public static func cumulative(_ x: Double) -> Double { erfc(-x / 2.0.squareRoot()) / 2 }

    /// The value that is not exceeded with a probability of 0...1, by bisection to the last bit.
    public static func quantile(_ probability: Double) -> Double {
        var (low, high) = (-40.0, 40.0)
        while true {
            let middle = (low + high) / 2
            guard low < middle, middle < high else { return middle }
            if cumulative(middle) < probability { low = middle } else { high = middle }
        }
    }
}
