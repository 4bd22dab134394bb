/// How the video processors of language models choose frames: by their number and their index, not by their times.
///
/// Sources: `sample_frames` of transformers' video processors, Qwen2-VL's (which Qwen2.5-VL uses) and Qwen3-VL's.
public struct FrameSpread: Sendable, Equatable, Codable {
    /// How many frames to take.
    public enum Wanted: Sendable, Equatable, Codable {
        /// As many as this rate in frames per second gives.
        case rate(Double)
        /// That many.
        case count(Int)
    }

    /// Which frames those are, `n` of `total`.
    public enum Placement: String, Sendable, Equatable, Codable {
        /// `floor(i total / n)`: the first of each of equal parts; Qwen2.5-VL's.
        case partStarts = "part starts"
        /// `round(i (total - 1) / (n - 1))`, halves to even: from the first to the last frame; Qwen3-VL's.
        case endToEnd = "end to end"
    }

    /// How many frames to take.
    public var wanted: Wanted
    /// The fewest and the most that a rate may give, as far as there are as many.
    public var bounds: ClosedRange<Int>
    /// What the number of frames is a multiple of; rates round down to one, counts to the nearest.
    public var multiple: Int
    /// Which frames those are.
    public var placement: Placement

    /// Puts a rule together.
    public init(_ wanted: Wanted, bounds: ClosedRange<Int>, multiple: Int, _ placement: Placement) {
        self.wanted = wanted
        self.bounds = bounds
        self.multiple = multiple
        self.placement = placement
    }

    /// The rate that is wanted, if it is one.
    public var rate: Double? { if case .rate(let rate) = wanted { rate } else { nil } }
    /// The number that is wanted, if it is one.
    public var count: Int? { if case .count(let count) = wanted { count } else { nil } }

    /// The number of frames of `total` at `rate` frames per second; at least 1 where there are any, and never more than
    /// there are, where the originals refuse or repeat frames.
    public func count(of total: Int, rate: Double) -> Int {
        guard total > 0 else { return 0 }
        var count: Int
        switch wanted {
        case .count(let asked):
            count = Int((Double(min(asked, total + multiple)) / Double(multiple)).rounded(.toNearestOrEven)) * multiple
        case .rate(let asked):
            let most = min(bounds.upperBound, total) / multiple * multiple
            let exact = min(max(Double(total) / rate * asked, 0), Double(Int32.max))
            count = min(max(Int(exact), bounds.lowerBound), most) / multiple * multiple
        }
        count = min(max(count, 1), total)
        return count
    }

    /// The chosen ones of `total` frames at `rate` frames per second, ascending.
    public func indices(of total: Int, rate: Double) -> [Int] {
        let count = count(of: total, rate: rate)
        switch placement {
        case .partStarts:
            let step = Double(total) / Double(max(count, 1))
            // The original counts in single precision.
            return (0..<count).map { min(Int(Float(Double($0) * step)), total - 1) }
        case .endToEnd:
            guard count > 1 else { return count == 1 ? [0] : [] }
            let step = Double(total - 1) / Double(count - 1)
            return (0..<count).map {
                $0 == count - 1 ? total - 1 : Int((Double($0) * step).rounded(.toNearestOrEven))
            }
        }
    }
}
