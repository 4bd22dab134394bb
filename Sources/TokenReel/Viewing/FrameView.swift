/// Which part of a picture the grid of tokens covers.
struct FrameView: Equatable {
    /// The side of a square in the middle as a share of the picture's shorter edge; nil for the whole picture.
    let centreShare: Double?

    /// The part in the units of the picture's size.
    func area(width: Double, height: Double) -> (left: Double, top: Double, width: Double, height: Double) {
        guard let centreShare else { return (0, 0, width, height) }
        let side = min(width, height) * min(centreShare, 1)
        return ((width - side) / 2, (height - side) / 2, side, side)
    }
}

extension TokenSequenceFile {
    /// What the encoder saw of each frame.
    var view: FrameView { FrameView(centreShare: metadata["centre_square"].flatMap { Double($0) }) }
}
