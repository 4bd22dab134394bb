internal import Essentials
internal import TokenCore
internal import TokenReduction
internal import TokenReel
internal import VisionEncoding

/// Runs frames made on the spot through every stage and checks what comes out.
enum SelfTest {
    /// One thing that was tried.
    struct Check {
        let name: String
        /// What went wrong, if anything did.
        let failure: String?
    }

    private static let frames = 12
    private static let kept = 100

    static func run() -> [Check] {
        var checks: [Check] = []
        func check(_ name: String, _ work: () throws(TokenReelError) -> String?) {
            do throws(TokenReelError) {
                checks.append(Check(name: name, failure: try work()))
            } catch {
                checks.append(Check(name: name, failure: error.description))
            }
        }
        var grid: TokenGrid?
        var sequence: TokenSequence?
        check("encode \(frames) generated frames") { () throws(TokenReelError) in
            let made = try encodedFrames()
            grid = made
            return made.values.withUnsafeBufferPointer { $0.allSatisfy(\.isFinite) } ? nil : "a token is not finite"
        }
        check("reduce them to \(kept) tokens, the same with 1 and 4 threads") { () throws(TokenReelError) in
            guard let grid else { return "there is no grid" }
            let results = try [1, 4].map { (workers) throws(TokenReelError) in try reduce(grid, workers: workers) }
            sequence = results[0]
            guard results[0].plan == results[1].plan else { return "the results differ" }
            return results[0].count == kept ? nil : "\(results[0].count) tokens came out"
        }
        check("write them to a file and read it again") { () throws(TokenReelError) in
            guard let sequence else { return "there are no tokens" }
            let folder = FileManager.default.temporaryDirectory.path
            let path = "\(folder)/tokenreel-doctor-\(ProcessInfo.processInfo.processIdentifier).safetensors"
            defer { try? FileManager.default.removeItem(atPath: path) }
            try sequence.write(to: path, dtype: .f32)
            let read = try TokenSequenceFile(path: path).sequence
            return read.tokens.array == sequence.tokens.array && read.plan == sequence.plan
                ? nil : "the file holds something else"
        }
        return checks
    }

    private static func reduce(_ grid: TokenGrid, workers: Int) throws(TokenReelError) -> TokenSequence {
        var request = ReductionRequest(budget: .tokens(kept))
        request.workers = workers
        return TokenSequence(try RecipeRegistry.recipe().reduce(grid, request), of: grid)
    }

    /// A square that wanders over a gradient, and a cut in the middle.
    private static func encodedFrames() throws(TokenReelError) -> TokenGrid {
        let encoder = try DescriptorEncoder()
        let shape = try GridShape(
            frames: frames, rows: encoder.rows, columns: encoder.columns, channels: encoder.channels)
        guard let size = encoder.frameSize, let timeBase = Rational(1, 1) else {
            throw TokenReelError(.unsupportedInput, subject: "encoder", found: "no frame size")
        }
        var tokens: [Float] = []
        var saliency: [Float] = []
        for frame in 0..<frames {
            let time = MediaTime(ticks: Int64(frame), timeBase: timeBase)
            let picture = VideoFrame(
                width: size.width, height: size.height, pixels: pixels(of: frame, size), pts: time)
            let encoded = try encoder.encode(picture, signals: [.saliency])
            tokens += encoded.tokens
            saliency += encoded.saliency ?? []
        }
        return try TokenGrid(
            shape: shape, values: TensorBuffer(tokens), frameTimes: (0..<frames).map(Double.init), saliency: saliency)
    }

    private static func pixels(of frame: Int, _ size: (width: Int, height: Int)) -> [UInt8] {
        var pixels: [UInt8] = []
        pixels.reserveCapacity(size.width * size.height * 3)
        let isAfterCut = frame >= frames / 2
        for y in 0..<size.height {
            for x in 0..<size.width {
                let isSquare = abs(x - 16 * frame - 16) < 16 && abs(y - size.height / 2) < 16
                let shade = isAfterCut ? UInt8(truncatingIfNeeded: y) : UInt8(truncatingIfNeeded: x)
                pixels += isSquare ? [250, 40, 40] : [shade, shade / 2, isAfterCut ? 200 : 30]
            }
        }
        return pixels
    }
}
