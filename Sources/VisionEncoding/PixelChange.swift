public import TokenCore

/// How much the pixels under each token changed since the frame before: ``Signal/pixelChange``.
///
///     change[r, c] = mean over pixels p under (r, c) and colours k of |now[p, k] - before[p, k]| / (255 deviation[k])
///
/// with ImageNet's deviations, so the unit is that of pixels normalised for a vision tower, and a threshold of 0.1 is
/// RLT's own. Source: RLT, arXiv 2411.05222. Cost: one pass over the pixels of a picture.
public enum PixelChange {
    /// The change of the first frame, all of which is new: RLT's 255, above every change there can be.
    public static let ofFirstFrame: Float = 255

    /// ImageNet's standard deviations of red, green and blue, in shares of the full range.
    private static let deviations: [Float] = [0.229, 0.224, 0.225]

    /// `[rows, columns]`: what changed from `previous` to `picture`.
    ///
    /// A pixel lies under the token that holds its upper left corner.
    ///
    /// - Precondition: Both pictures have the same size, with a pixel for every row and column.
    public static func map(
        of picture: VideoFrame, since previous: VideoFrame?, rows: Int, columns: Int
    ) -> [Float] {
        guard let previous else { return [Float](repeating: ofFirstFrame, count: rows * columns) }
        precondition(picture.width == previous.width && picture.height == previous.height, "pictures of one size")
        precondition(picture.width >= columns && picture.height >= rows, "a pixel for every token")
        let lines = bounds(of: picture.height, in: rows)
        let places = bounds(of: picture.width, in: columns)
        var map: [Float] = []
        map.reserveCapacity(rows * columns)
        picture.pixels.withUnsafeBufferPointer { now in
            previous.pixels.withUnsafeBufferPointer { before in
                for lines in lines {
                    for places in places {
                        // Whole numbers, so that the order of the sum does not matter.
                        var (red, green, blue) = (0, 0, 0)
                        for line in lines {
                            for place in places {
                                let start = 3 * (line * picture.width + place)
                                red += abs(Int(now[start]) - Int(before[start]))
                                green += abs(Int(now[start + 1]) - Int(before[start + 1]))
                                blue += abs(Int(now[start + 2]) - Int(before[start + 2]))
                            }
                        }
                        let levels = zip([red, green, blue], deviations).reduce(Float(0)) { $0 + Float($1.0) / $1.1 }
                        map.append(levels / Float(3 * 255 * lines.count * places.count))
                    }
                }
            }
        }
        return map
    }

    private static func bounds(of pixels: Int, in cells: Int) -> [Range<Int>] {
        (0..<cells).map { ($0 * pixels + cells - 1) / cells..<(($0 + 1) * pixels + cells - 1) / cells }
    }
}
