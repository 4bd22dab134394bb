package import TokenCore

/// What the positions of a Qwen-VL video depend on besides its grid.
package struct RotaryFacts: Sendable, Equatable {
    /// Families of models whose text and vision share three-dimensional rotary positions.
    package enum Family: String, Sendable, CaseIterable {
        /// Time is a position: a video is one block.
        case qwen25 = "qwen2.5-vl"
        /// Time is a text before each group, and every group a block of its own.
        case qwen3 = "qwen3-vl"
    }
    package let family: Family
    /// Seconds from one temporal group to the next, in the precision of the programs that run the models.
    package let secondsPerGroup: Float
    /// What the model counts for a second.
    package let tokensPerSecond: Int
    /// How many groups of the video came before: those of a stream's earlier segments.
    package let firstFrame: Int
    /// Patches along each side of a token.
    package let spatialMergeSize: Int

    /// Reads them from the strings of a grid or token file; nil for models without such positions.
    ///
    /// A video of unknown rate counts as one of 24 frames a second, as in the models' own processors.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` if one is missing or makes no sense.
    package init?(_ metadata: [String: String]) throws(TokenReelError) {
        guard let name = metadata["family"], let family = Family(rawValue: name) else { return nil }
        func number<Number: LosslessStringConvertible & Comparable>(
            _ key: String, in range: ClosedRange<Number>, orElse unknown: String = ""
        ) throws(TokenReelError) -> Number {
            let text = metadata[key] ?? unknown
            guard let number = Number(text), range.contains(number) else {
                throw TokenReelError(
                    .unreadableInput, subject: "metadata", found: "\(key) \"\(text)\" of a \(name) video",
                    allowed: "\(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        self.family = family
        spatialMergeSize = try number("spatial_merge_size", in: 1...64)
        firstFrame = try number("first_frame", in: 0...1 << 36, orElse: "0")
        switch family {
        case .qwen25:
            // Bounds within which no number of groups overflows.
            let framesPerGroup: Int = try number("temporal_patch_size", in: 1...64)
            secondsPerGroup = Float(Double(framesPerGroup) / (try number("fps", in: 1e-3...1e6, orElse: "24")))
            tokensPerSecond = try number("tokens_per_second", in: 1...1000)
        case .qwen3: (secondsPerGroup, tokensPerSecond) = (0, 0)
        }
    }
}
