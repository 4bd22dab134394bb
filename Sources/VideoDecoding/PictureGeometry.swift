internal import CFFmpeg

/// How a stored picture is turned and mirrored for display: first perhaps transposed, then mirrored.
package struct Orientation: Equatable {
    /// Rows become columns.
    package var isTransposed = false
    /// Left and right change places, after transposing.
    package var mirrorsColumns = false
    /// Top and bottom change places, after transposing.
    package var mirrorsRows = false

    package static let upright = Orientation()

    package init() {}

    /// Reads a display matrix, which shows a stored point (x, y) at (a x + c y, b x + d y).
    ///
    /// Other angles than quarter turns go to the nearest one.
    package init(displayMatrix matrix: UnsafePointer<Int32>?) {
        guard let matrix else { return }
        let (a, b, c, d) = (Int64(matrix[0]), Int64(matrix[1]), Int64(matrix[3]), Int64(matrix[4]))
        isTransposed = abs(b) + abs(c) > abs(a) + abs(d)
        mirrorsColumns = (isTransposed ? c : a) < 0
        mirrorsRows = (isTransposed ? b : d) < 0
    }

    /// Degrees clockwise, a mirror image aside.
    package var degrees: Int {
        isTransposed ? (mirrorsRows ? 270 : 90) : (mirrorsRows ? 180 : 0)
    }

    /// Packs three planes as `[height, width, 3]`, turned; sizes are those shown, planes have rows of `stride` bytes.
    package func upright(
        red: UnsafePointer<UInt8>, green: UnsafePointer<UInt8>, blue: UnsafePointer<UInt8>, stride: Int, width: Int,
        height: Int
    ) -> [UInt8] {
        // Bytes from one shown pixel to the next, along a row and down a column.
        let across = (mirrorsColumns ? -1 : 1) * (isTransposed ? stride : 1)
        let down = (mirrorsRows ? -1 : 1) * (isTransposed ? 1 : stride)
        let corner = (mirrorsColumns ? (width - 1) * -across : 0) + (mirrorsRows ? (height - 1) * -down : 0)
        return [UInt8](unsafeUninitializedCapacity: width * height * 3) { output, count in
            count = width * height * 3
            guard var target = output.baseAddress else { return }
            for row in 0..<height {
                var source = corner + row * down
                for _ in 0..<width {
                    target[0] = red[source]
                    target[1] = green[source]
                    target[2] = blue[source]
                    target += 3
                    source += across
                }
            }
        }
    }
}

/// The size of a picture for display: square pixels, upright.
struct DisplaySize: Equatable {
    let width: Int
    let height: Int

    init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }

    /// Widens or narrows the stored rows by the sample aspect ratio, then turns the picture.
    ///
    /// Ratios outside 1/8…8 occur only in damaged headers and are taken as 1.
    init(storedWidth: Int, storedHeight: Int, aspect: AVRational, orientation: Orientation) {
        let ratio = Self.ratio(aspect)
        let stretched = max(Int((Double(storedWidth) * ratio).rounded()), 1)
        (width, height) = orientation.isTransposed ? (storedHeight, stretched) : (stretched, storedHeight)
    }

    /// The same shape, scaled down where the longer edge has more pixels than `edge`.
    func within(_ edge: Int) -> DisplaySize {
        let scale = min(1, Double(edge) / Double(max(width, height, 1)))
        return DisplaySize(
            width: max(Int((Double(width) * scale).rounded()), 1),
            height: max(Int((Double(height) * scale).rounded()), 1))
    }

    static func ratio(_ aspect: AVRational) -> Double {
        guard aspect.num > 0, aspect.den > 0 else { return 1 }
        let ratio = Double(aspect.num) / Double(aspect.den)
        return ratio >= 0.125 && ratio <= 8 ? ratio : 1
    }
}
