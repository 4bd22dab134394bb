public import TokenCore
internal import TokenReduction
internal import VideoDecoding

extension TokenSequenceFile {
    /// Frames to show where not all can be: at most `count`, spread evenly.
    public func frames(atMost count: Int) -> [Int] {
        let all = sequence.shape.frames
        let shown = min(max(count, 0), all)
        return (0..<shown).map { (2 * $0 + 1) * all / (2 * shown) }
    }

    /// A contact sheet of some frames in reading order, each with the state of its patches; a bar above each frame
    /// changes its shade where a segment begins.
    ///
    /// - Parameters:
    ///   - frames: Which, ascending; see ``frames(atMost:)``.
    ///   - pictures: What to draw on; grey cells without it.
    ///   - edge: Pixels of the longer edge of each frame.
    /// - Throws: As ``SourcePictures/forEach(of:edge:_:)``; ``TokenReelError/Code/unsupportedInput`` where there is
    ///   nothing to draw.
    public func contactSheet(
        of frames: [Int], on pictures: SourcePictures?, edge: Int = 320
    ) throws(TokenReelError) -> VideoFrame {
        guard !frames.isEmpty, sequence.shape.tokensPerFrame > 0 else {
            throw TokenReelError(
                .unsupportedInput, subject: "picture of the tokens", found: "no frames with patches to draw")
        }
        let painter = PatchPainter(self)
        var drawn: [Int: VideoFrame] = [:]
        try pictures?.forEach(of: frames, edge: edge) { frame, picture in
            drawn[frame] = painter.painted(frame, on: picture)
        }
        let size = drawn.values.first.map { ($0.width, $0.height) }
        let blank = painter.blankPicture(edge: edge)
        let (width, height) = size ?? (blank.width, blank.height)
        let (gap, bar) = (6, 6)
        let across = min(frames.count, max(1, 1920 / (width + gap)))
        let down = (frames.count + across - 1) / across
        var sheet = Canvas(
            width: across * (width + gap) + gap, height: down * (height + bar + gap) + gap,
            filledWith: Palette.Colour(20, 22, 26))
        for (place, frame) in frames.enumerated() {
            let column = gap + place % across * (width + gap)
            let row = gap + place / across * (height + bar + gap)
            let segment = sequence.segments.firstIndex { ($0.start..<$0.end).contains(frame) } ?? 0
            let shade = segment.isMultiple(of: 2) ? Palette.Colour(86, 180, 233) : Palette.Colour(230, 159, 0)
            sheet.mix(shade, 1, column..<column + width, row..<row + bar - 2)
            let picture = drawn[frame] ?? painter.painted(frame, on: blank)
            // A stream may change its resolution; what is larger than the first picture would not fit.
            guard picture.width <= width, picture.height <= height else { continue }
            sheet.place(picture, column: column, row: row + bar)
        }
        return sheet.frame
    }

    /// Writes the video with the state of the patches drawn over it, as MP4.
    ///
    /// - Parameters:
    ///   - pictures: The frames of the video that the tokens were made from.
    ///   - path: The file.
    ///   - edge: Pixels of the longer edge at most.
    /// - Throws: As ``SourcePictures/forEachPicture(edge:_:)`` and ``VideoWriter``;
    ///   ``TokenReelError/Code/unreadableInput`` for a video that shows none of the frames.
    public func writeOverlay(
        on pictures: SourcePictures, to path: String, edge: Int = 960
    ) throws(TokenReelError) {
        let painter = PatchPainter(self)
        var writer: VideoWriter?
        var size = (width: 0, height: 0)
        try pictures.forEachPicture(edge: edge) { frame, picture throws(TokenReelError) in
            let target: VideoWriter
            if let writer {
                target = writer
            } else {
                target = try VideoWriter(path: path, width: picture.width, height: picture.height)
                writer = target
                size = (picture.width, picture.height)
            }
            guard picture.width >= size.width, picture.height >= size.height else { return }
            try target.append(painter.painted(frame, on: picture))
        }
        guard let writer else {
            throw TokenReelError(
                .unreadableInput, subject: path, found: "no picture at the times of the tokens' frames")
        }
        try writer.finish()
    }
}
