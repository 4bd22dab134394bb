/// Where the curve of distortion against codebook size bends: more codes than that buy little.
package enum Elbow {
    /// The point farthest below the chord from first to last (Satopää et al., "Finding a kneedle in a haystack", 2011).
    ///
    /// Of equals the smaller size.
    ///
    /// - Precondition: `sizes` ascend, with one distortion each.
    package static func bend(sizes: [Int], distortions: [Double]) -> Int {
        precondition(sizes.count == distortions.count && !sizes.isEmpty, "one distortion for each size")
        // Each size was started from its own seeds, so a larger one can do worse by chance.
        var lowest = Double.infinity
        let falling = distortions.map { distortion -> Double in
            lowest = min(lowest, distortion)
            return lowest
        }
        let positions = sizes.map(Double.init)
        guard let left = positions.first, let right = positions.last, let top = falling.first, right > left,
            top > lowest
        else { return sizes[0] }
        let depths = zip(positions, falling).map { position, distortion in
            1 - (position - left) / (right - left) - (distortion - lowest) / (top - lowest)
        }
        return sizes[depths.indices.reduce(0) { depths[$1] > depths[$0] ? $1 : $0 }]
    }

    /// VQToken's released rule over every size from 12: the largest second difference, plus two, plus two again, never
    /// below 12.
    ///
    /// The start is not added to the index, so the result stays near 12; kept for `asPublished`.
    package static func published(distortions: [Double]) -> Int {
        let floor = 12
        guard distortions.count > 2 else { return floor }
        let bends = (0..<distortions.count - 2).map { first -> Double in
            distortions[first] - 2 * distortions[first + 1] + distortions[first + 2]
        }
        return max(bends.indices.reduce(0) { bends[$1] > bends[$0] ? $1 : $0 } + 4, floor)
    }
}
