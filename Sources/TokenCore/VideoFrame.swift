/// One decoded picture: upright, full-range RGB, with the time it is shown.
public struct VideoFrame: Sendable {
    /// Pixels per row.
    public let width: Int
    /// Rows.
    public let height: Int
    /// `[height, width, 3]` bytes, red first, 0…255.
    public let pixels: [UInt8]
    /// When the frame is shown, on the clock of its stream.
    public let pts: MediaTime

    /// Wraps pixels of the stated size.
    ///
    /// - Precondition: `pixels.count == width * height * 3`.
    public init(width: Int, height: Int, pixels: [UInt8], pts: MediaTime) {
        precondition(pixels.count == width * height * 3, "a frame holds three bytes a pixel")
        self.width = width
        self.height = height
        self.pixels = pixels
        self.pts = pts
    }
}
