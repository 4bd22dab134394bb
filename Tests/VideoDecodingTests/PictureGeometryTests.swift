import Testing
import VideoDecoding

@Suite struct PictureGeometryTests {
    /// All eight ways to show a picture, against the definition of the display matrix.
    @Test(arguments: [
        (1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0), (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0),
        (0, -1, -1, 0),
    ])
    func everyTurnAndMirror(a: Int, b: Int, c: Int, d: Int) {
        let one = 1 << 16
        let matrix = [a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30].map { Int32($0) }
        let orientation = Orientation(displayMatrix: matrix)
        let (width, height, stride) = (5, 3, 8)
        // Each stored pixel tells its own place; padding must never show.
        var stored = [UInt8](repeating: 255, count: stride * height)
        for y in 0..<height { for x in 0..<width { stored[y * stride + x] = UInt8(y * 10 + x) } }
        let shownWidth = a == 0 ? height : width
        let shownHeight = a == 0 ? width : height
        let shown = orientation.upright(
            red: stored, green: stored, blue: stored, stride: stride, width: shownWidth, height: shownHeight)
        #expect(shown.count == width * height * 3)
        for y in 0..<height {
            for x in 0..<width {
                // (x, y) goes to (a x + c y, b x + d y), moved so that the picture begins at 0.
                let column = a * x + c * y + (a + c < 0 ? shownWidth - 1 : 0)
                let row = b * x + d * y + (b + d < 0 ? shownHeight - 1 : 0)
                let place = (row * shownWidth + column) * 3
                #expect(shown[place..<place + 3].allSatisfy { $0 == stored[y * stride + x] }, "\(x), \(y)")
            }
        }
    }

    @Test func anglesGoToTheNearestQuarterTurn() {
        #expect(Orientation(displayMatrix: nil) == .upright)
        #expect(Orientation(displayMatrix: [Int32](repeating: 0, count: 9)) == .upright)
        #expect(Orientation(displayMatrix: [0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30]).degrees == 90)
        #expect(Orientation(displayMatrix: [0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30]).degrees == 270)
        #expect(Orientation(displayMatrix: [-65536, 0, 0, 0, -65536, 0, 0, 0, 1 << 30]).degrees == 180)
        #expect(Orientation(displayMatrix: [65000, 3000, 0, -3000, 65000, 0, 0, 0, 1 << 30]) == .upright)
        #expect(Orientation(displayMatrix: [.min, .min, 0, .min, .min, 0, 0, 0, 0]).degrees >= 0)
    }
}
