internal import TokenCore

/// Where a Qwen-VL language model is told that the tokens of a video lie: their M-RoPE positions.
///
/// A token has the time, row and column of its anchor, and so keeps the position that it has in the unreduced video;
/// the text behind the video lies where it would lie without reduction too. Positions count from the first token of the
/// video, or for Qwen3-VL of its group; a reader adds the position of the text before, and one.
///
/// The segments of a stream are parts of one video: each goes on where the one before ended. A reader to whom some of
/// them are all there is subtracts the ``first`` of the first of them from times.
public struct RotaryPositions: Sendable, Equatable {
    /// One temporal group in a prompt for Qwen3-VL: a text, the start of vision, the tokens, the end of vision.
    public struct Group: Sendable, Equatable {
        /// The frame of the grid.
        public let frame: Int
        /// What the prompt says before the group, such as `<1.5 seconds>`.
        public let timestamp: String
        /// How many tokens of the sequence are the group's.
        public let tokens: Int
    }

    /// `[3, count]`: times, then rows, then columns.
    public let ids: [Int64]
    /// The position in time of the first group; above 0 only in a part of a Qwen2.5-VL video that is not the first.
    public let first: Int
    /// The position of the text behind the video if nothing of it follows, or behind each of ``groups``.
    public let next: Int
    /// How far the tokens move the text behind them from its index; over all parts of a video it adds up to ``next``
    /// less the tokens, over all groups.
    ///
    /// transformers' `rope_delta` of a whole prompt, where the text behind the video reaches the largest position.
    public let delta: Int
    /// For Qwen3-VL the groups that have tokens, by time; nil for models that take a video as one block.
    ///
    /// Tokens in prefix order have to be sorted by their frame before they are put between the texts.
    public let groups: [Group]?
    /// Whose rule this is.
    public let rule: PositionRule

    /// Numbers the tokens at `anchors` of a grid.
    init(
        anchors: [Int32], shape: GridShape, frameTimes: [Double], _ facts: RotaryFacts, _ rule: PositionRule
    ) {
        self.rule = rule
        let cells = max(shape.tokensPerFrame, 1)
        let frames = anchors.map { Int($0) / cells }
        let rows = anchors.map { Int64(Int($0) % cells / max(shape.columns, 1)) }
        let columns = anchors.map { Int64(Int($0) % max(shape.columns, 1)) }
        switch facts.family {
        case .qwen25:
            let start = facts.firstFrame
            let times = (start..<start + shape.frames).map { facts.time(of: $0, rule) }
            ids = frames.map { Int64(times[$0]) } + rows + columns
            groups = nil
            first = times.first ?? 0
            next = facts.next(after: start + shape.frames, of: shape, rule)
            delta = next - (start > 0 ? facts.next(after: start, of: shape, rule) : 0) - anchors.count
        case .qwen3:
            ids = Array(repeating: 0, count: anchors.count) + rows + columns
            first = 0
            next = max(shape.rows, shape.columns)
            var counts = [Int](repeating: 0, count: shape.frames)
            for frame in frames { counts[frame] += 1 }
            let groups = counts.indices.filter { counts[$0] > 0 || rule == .vllmEVS }.map {
                Group(frame: $0, timestamp: "<\(Self.tenths(frameTimes[$0])) seconds>", tokens: counts[$0])
            }
            self.groups = groups
            delta = groups.count * next - anchors.count
        }
    }

    /// Seconds with one digit, rounded as C and Python do: by the exact value of the binary number, ties to even.
    package static func tenths(_ seconds: Double) -> String {
        guard abs(seconds) < 1e15 else { return "\(seconds)" }
        let value = seconds.magnitude
        let product = value * 10
        let below = product.rounded(.down)
        // Where the product seems to lie half way, what it lost to rounding decides.
        let lost = (-product).addingProduct(value, 10)
        let isTie = product - below == 0.5 && lost != 0
        let tenths = Int(isTie ? below + (lost > 0 ? 1 : 0) : product.rounded(.toNearestOrEven))
        return "\(seconds.sign == .minus ? "-" : "")\(tenths / 10).\(tenths % 10)"
    }

    /// What a token file says about them besides the tensor.
    package var metadata: [String: String] {
        var strings = ["position_rule": rule.rawValue, "next_position": "\(next)", "rope_delta": "\(delta)"]
        if first > 0 { strings["first_position"] = "\(first)" }
        strings["groups"] = groups.map { groups in
            JSONValue.array(
                groups.map {
                    .members([
                        "frame": .integer($0.frame), "timestamp": .string($0.timestamp), "tokens": .integer($0.tokens),
                    ])
                }
            ).text
        }
        return strings
    }
}

extension RotaryFacts {
    /// The position of a temporal group in time, in the arithmetic of the program whose rule it is.
    fileprivate func time(of group: Int, _ rule: PositionRule) -> Int {
        switch rule {
        case .transformers5: Int(Float(group) * (Float(tokensPerSecond) * secondsPerGroup))
        case .transformers4, .vllmEVS: group * Int(secondsPerGroup) * tokensPerSecond
        case .vllm: Int(Double(group) * (Double(secondsPerGroup) * Double(tokensPerSecond)))
        }
    }

    /// The position of text behind the first groups of a video.
    fileprivate func next(after groups: Int, of shape: GridShape, _ rule: PositionRule) -> Int {
        let extent = max(shape.rows, shape.columns)
        return switch rule {
        case .transformers5: extent
        case .transformers4, .vllm: max(groups > 0 ? time(of: groups - 1, rule) + 1 : 0, extent)
        case .vllmEVS: shape.columns
        }
    }
}
