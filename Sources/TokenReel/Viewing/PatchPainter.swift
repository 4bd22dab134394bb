internal import TokenCore
internal import TokenReduction

/// Draws over a picture what became of its patches: kept ones as they are, merged ones in the colour of their token,
/// dropped ones dark, with lines where one token ends, a dot where a merged token has its anchor, and grey over what the
/// model did not see.
struct PatchPainter {
    private let shape: GridShape
    private let owners: [Int32]
    private let states: [PatchState]
    private let isAnchor: [Bool]
    private let view: FrameView

    private static let tint = 0.42
    private static let shade = 0.2
    private static let veil = 0.72
    private static let black = Palette.Colour(0, 0, 0)
    private static let white = Palette.Colour(255, 255, 255)
    private static let blank = Palette.Colour(128, 128, 128)

    init(_ file: TokenSequenceFile) {
        let sequence = file.sequence
        view = file.view
        shape = sequence.shape
        owners = sequence.plan.owners
        states = sequence.patchStates
        var isAnchor = [Bool](repeating: false, count: shape.tokenCount)
        for anchor in sequence.plan.anchors { isAnchor[Int(anchor)] = true }
        self.isAnchor = isAnchor
    }

    /// A picture to draw on where there is none.
    func blankPicture(edge: Int) -> VideoFrame {
        let scale = Double(edge) / Double(max(shape.rows, shape.columns, 1))
        let width = max(Int(Double(shape.columns) * scale), 1)
        let height = max(Int(Double(shape.rows) * scale), 1)
        return Canvas(width: width, height: height, filledWith: Self.blank).frame
    }

    /// The picture with the state of its patches.
    func painted(_ frame: Int, on picture: VideoFrame) -> VideoFrame {
        var canvas = Canvas(picture)
        guard shape.tokensPerFrame > 0 else { return picture }
        let first = frame * shape.tokensPerFrame
        let seen = view.area(width: Double(picture.width), height: Double(picture.height))
        func pixels(_ cell: Int, of cells: Int, from start: Double, _ length: Double) -> Range<Int> {
            let edges = [cell, cell + 1].map { Int(start + Double($0) * length / Double(cells)) }
            return edges[0]..<edges[1]
        }
        veil(pixels(0, of: 1, from: seen.left, seen.width), pixels(0, of: 1, from: seen.top, seen.height), on: &canvas)
        for row in 0..<shape.rows {
            let lines = pixels(row, of: shape.rows, from: seen.top, seen.height)
            for column in 0..<shape.columns {
                let strips = pixels(column, of: shape.columns, from: seen.left, seen.width)
                let patch = first + row * shape.columns + column
                switch states[patch] {
                case .kept: break
                case .merged: canvas.mix(Palette.category(Int(owners[patch])), Self.tint, strips, lines)
                case .dropped: canvas.mix(Self.black, 1 - Self.shade, strips, lines)
                }
                if column > 0, owners[patch] != owners[patch - 1] {
                    canvas.mix(Self.white, Self.tint, strips.prefix(1), lines)
                }
                if row > 0, owners[patch] != owners[patch - shape.columns] {
                    canvas.mix(Self.white, Self.tint, strips, lines.prefix(1))
                }
                if isAnchor[patch], states[patch] == .merged {
                    dot(in: strips, lines, on: &canvas)
                }
            }
        }
        return canvas.frame
    }

    /// Greys what lies outside the part that the model saw.
    private func veil(_ columns: Range<Int>, _ rows: Range<Int>, on canvas: inout Canvas) {
        for side in [0..<columns.lowerBound, columns.upperBound..<canvas.width] {
            canvas.mix(Self.blank, Self.veil, side, 0..<canvas.height)
        }
        for end in [0..<rows.lowerBound, rows.upperBound..<canvas.height] {
            canvas.mix(Self.blank, Self.veil, columns, end)
        }
    }

    private func dot(in columns: Range<Int>, _ rows: Range<Int>, on canvas: inout Canvas) {
        let radius = min(max(min(columns.count, rows.count) / 8, 1), 5)
        func middle(_ range: Range<Int>, _ reach: Int) -> Range<Int> {
            let centre = (range.lowerBound + range.upperBound) / 2
            return (centre - reach..<centre + reach + 1).clamped(to: range)
        }
        canvas.mix(Self.black, 1, middle(columns, radius + 1), middle(rows, radius + 1))
        canvas.mix(Self.white, 1, middle(columns, radius), middle(rows, radius))
    }
}

/// Pixels that can be drawn on.
struct Canvas {
    let width: Int
    let height: Int
    private var pixels: [UInt8]
    private let pts: MediaTime

    init(_ frame: VideoFrame) {
        width = frame.width
        height = frame.height
        pixels = frame.pixels
        pts = frame.pts
    }

    init(width: Int, height: Int, filledWith colour: Palette.Colour) {
        self.width = width
        self.height = height
        pts = MediaTime(ticks: 0, timeBase: .one)
        pixels = []
        pixels.reserveCapacity(3 * width * height)
        for _ in 0..<width * height { pixels += [colour.red, colour.green, colour.blue] }
    }

    var frame: VideoFrame { VideoFrame(width: width, height: height, pixels: pixels, pts: pts) }

    /// Moves the pixels of a rectangle a share of the way to a colour.
    mutating func mix(_ colour: Palette.Colour, _ share: Double, _ columns: Range<Int>, _ rows: Range<Int>) {
        let weight = Int((share * 256).rounded())
        let parts = [Int(colour.red), Int(colour.green), Int(colour.blue)]
        for row in rows {
            for column in columns {
                for part in 0..<3 {
                    let index = (row * width + column) * 3 + part
                    pixels[index] = UInt8((Int(pixels[index]) * (256 - weight) + parts[part] * weight + 128) >> 8)
                }
            }
        }
    }

    /// Copies a picture to a place where it fits.
    mutating func place(_ picture: VideoFrame, column: Int, row: Int) {
        for line in 0..<picture.height {
            let target = ((row + line) * width + column) * 3
            pixels.replaceSubrange(
                target..<target + picture.width * 3,
                with: picture.pixels[line * picture.width * 3..<(line + 1) * picture.width * 3])
        }
    }
}
