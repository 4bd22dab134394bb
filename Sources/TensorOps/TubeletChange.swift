internal import CKernels

/// How much pictures change from one group of frames to the next, patch by patch: what run-length tokenization reads.
///
/// Source: RLT (NeurIPS 2024, arXiv 2411.05222), for towers whose tokens are tubelets, a patch of several frames. A
/// patch of group k is compared with the same patch one group before: the last frame of group k with the first frame of
/// group k - 1, so that slow drift within both groups counts. The change is the mean magnitude of the difference over
/// the pixels and the three channels.
public struct TubeletChange: Sendable {
    /// The difference of one step of each channel's 0...255.
    public let units: [Float]
    /// Frames that one token covers.
    public let framesPerGroup: Int
    /// Pixels along the side of a patch.
    public let patchSize: Int

    /// What the first group has changed, with nothing before it: more than any threshold.
    public static let first: Float = 255

    /// Compares patches of `patchSize` pixels squared between groups of `framesPerGroup` frames.
    public init(units: [Float], framesPerGroup: Int = 2, patchSize: Int = 16) {
        precondition(units.count == 3 && framesPerGroup > 0 && patchSize > 0, "three channels, and sizes above zero")
        self.units = units
        self.framesPerGroup = framesPerGroup
        self.patchSize = patchSize
    }

    /// Changes of the pictures that towers see, normalised by ImageNet's standard deviations.
    public static let normalized = TubeletChange(units: [0.229, 0.224, 0.225].map { 1 / (255 * $0) })

    /// Changes in steps of 0...255.
    public static let raw = TubeletChange(units: [1, 1, 1])

    /// `[groups, rows, columns]` changes of the patches of `pixels [frames, height, width, 3]`.
    ///
    /// Frames that do not fill a group and pixels that do not fill a patch are left out. Differences are summed as
    /// whole numbers, so the sums are exact. O(frames * height * width).
    public func map(of pixels: UnsafeBufferPointer<UInt8>, frames: Int, height: Int, width: Int) -> [Float] {
        precondition(pixels.count == frames * height * width * 3, "pixels must fit the frames")
        let (groups, rows, columns) = (frames / framesPerGroup, height / patchSize, width / patchSize)
        var changes = [Float](repeating: Self.first, count: min(groups, 1) * rows * columns)
        changes.reserveCapacity(groups * rows * columns)
        let frame = height * width * 3
        // Sums down each column of a row of patches first: that runs along memory.
        var sums = [UInt32](repeating: 0, count: columns * patchSize * 3)
        guard let base = pixels.baseAddress else { return changes }
        for group in stride(from: 1, to: groups, by: 1) {
            let last = ((group + 1) * framesPerGroup - 1) * frame
            let first = (group - 1) * framesPerGroup * frame
            for row in 0..<rows {
                for index in sums.indices { sums[index] = 0 }
                for line in row * patchSize..<(row + 1) * patchSize {
                    let offset = base + line * width * 3
                    tr_add_absolute_differences(offset + last, offset + first, sums.count, &sums)
                }
                for column in 0..<columns { changes.append(mean(of: sums, column: column)) }
            }
        }
        return changes
    }

    private func mean(of sums: [UInt32], column: Int) -> Float {
        var total: Float = 0
        for channel in units.indices {
            var sum: UInt32 = 0
            for pixel in column * patchSize..<(column + 1) * patchSize { sum += sums[pixel * 3 + channel] }
            total += units[channel] * Float(sum)
        }
        return total / Float(units.count * patchSize * patchSize)
    }
}
