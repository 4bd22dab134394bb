internal import Foundation
internal import TokenCore
internal import TokenReduction
internal import VideoDecoding
internal import VisionEncoding

/// Whether what a method keeps of the built-in encoder's tokens means something: cuts found, tokens spent on events, and objects found by a
/// picture of them, on clips whose truth is known.
func meaningBenchmark(_ arguments: [String]) throws -> Figures {
    guard let folder = arguments.first.map({ URL(filePath: $0) }) else { throw Usage() }
    let method = arguments.dropFirst().first ?? RecipeRegistry.defaultName
    let truth = folder.appending(path: "truth")
    var figures = Figures()

    let known = try JSONDecoder().decode(
        KnownCuts.self, from: Data(contentsOf: truth.appending(path: "known_cuts_open.json")))
    for rate in [1.0, 2, 5] {
        let clip = try EncodedClip(folder.appending(path: known.video), sampling: .rate(rate))
        let reduction = try clip.reduced(by: method)
        let found = known.cut_frames.filter { cut in
            let expected = clip.grid.frameTimes.firstIndex { $0 >= Double(cut) / known.fps } ?? clip.grid.shape.frames
            return reduction.segments.contains { abs($0.start - expected) <= 1 && $0.start > 0 }
        }
        figures["cuts.found@\(Int(rate))fps"] = Double(found.count) / Double(known.cut_frames.count)
        figures["cuts.segments@\(Int(rate))fps"] = Double(reduction.segments.count)
    }

    let events = try JSONDecoder().decode(Events.self, from: Data(contentsOf: truth.appending(path: "events.json")))
    for (name, intervals) in [("cars.mp4", events.cars.car_visible), ("bottles.mp4", events.bottles.hand_visible)] {
        let clip = try EncodedClip(folder.appending(path: name), sampling: .rate(2))
        let reduction = try clip.reduced(by: method)
        let isInside = clip.grid.frameTimes.map { time in intervals.contains { $0[0]...$0[1] ~= time } }
        let kept = reduction.plan.anchors.map { isInside[Int($0) / clip.grid.shape.tokensPerFrame] }
        let inside = Double(kept.filter { $0 }.count) / Double(isInside.filter { $0 }.count)
        let outside = Double(kept.filter { !$0 }.count) / Double(isInside.filter { !$0 }.count)
        figures["events.\(name)"] = inside / outside
    }

    let objects = [
        ("frog", folder.appending(path: "frog.mp4"), truth.appending(path: "colourmask_frog")),
        ("flower", folder.appending(path: "flower.mp4"), truth.appending(path: "colourmask_flower")),
        ("bmx", truth.appending(path: "davis_bmx-trees/bmx-trees.mp4"), truth.appending(path: "davis_bmx-trees/masks")),
    ]
    for (name, video, masks) in objects {
        let found = try objectFound(video, masks, by: method)
        figures["query.covered.\(name)"] = found.coverage / found.random
        figures["query.precision.\(name)"] = found.precision / found.share
    }
    return figures
}

private struct KnownCuts: Decodable {
    let video: String
    let fps: Double
    let cut_frames: [Int]
}

private struct Events: Decodable {
    struct Cars: Decodable { let car_visible: [[Double]] }
    struct Bottles: Decodable { let hand_visible: [[Double]] }
    let cars: Cars
    let bottles: Bottles
    enum CodingKeys: String, CodingKey {
        case cars = "cars.mp4"
        case bottles = "bottles.mp4"
    }
}

/// What became of an object that was looked for by its picture in the first frame.
private struct ObjectFound {
    /// Share of the object's patches that some kept token stands for.
    let coverage: Double
    /// The same for as many tokens kept at random.
    let random: Double
    /// Share of the kept tokens whose place is on the object.
    let precision: Double
    /// Share of all patches that are the object's.
    let share: Double
}

private func objectFound(_ video: URL, _ masks: URL, by method: String) throws -> ObjectFound {
    let files = try FileManager.default.contentsOfDirectory(at: masks, includingPropertiesForKeys: nil)
        .sorted { $0.lastPathComponent < $1.lastPathComponent }
    let frames = files.compactMap { Int($0.deletingPathExtension().lastPathComponent) }
    let clip = try EncodedClip(video, sampling: .all, frames: Set(frames))

    var options = DecodeOptions()
    options.sampling = .all
    let decoder = try VideoDecoder(.file(video.path), options: options)
    var index = 0
    var first: VideoFrame?
    while first == nil, let frame = try decoder.next() {
        if index == frames[0] { first = frame }
        index += 1
    }
    guard let first else { throw Usage() }
    let mask = try VideoDecoder.image(
        .file(files[0].path), size: .exactly(width: first.width, height: first.height), limits: Limits())
    let query = try clip.encoder.query(from: first.cropped(around: mask))
    let reduction = try clip.reduced(by: method, query)

    let side = DescriptorEncoder.patchSide
    var isObject: [Bool] = []
    for file in files {
        let size = FrameSize.exactly(width: clip.encoder.columns * side, height: clip.encoder.rows * side)
        let mask = try VideoDecoder.image(.file(file.path), size: size, limits: Limits())
        for cell in 0..<clip.grid.shape.tokensPerFrame {
            let (row, column) = cell.quotientAndRemainder(dividingBy: clip.encoder.columns)
            var covered = 0
            for y in row * side..<(row + 1) * side {
                for x in column * side..<(column + 1) * side where mask.pixels[(y * mask.width + x) * 3] > 127 {
                    covered += 1
                }
            }
            isObject.append(covered * 4 >= side * side)
        }
    }
    let objects = Double(isObject.filter { $0 }.count)
    let hits = Double(reduction.plan.anchors.filter { isObject[Int($0)] }.count)
    let owned = Double(zip(isObject, reduction.plan.owners).filter { $0 && $1 >= 0 }.count)
    return ObjectFound(
        coverage: owned / objects, random: Double(reduction.plan.count) / Double(isObject.count),
        precision: hits / Double(reduction.plan.count), share: objects / Double(isObject.count))
}

/// A clip's token grid by the built-in encoder.
private struct EncodedClip {
    let encoder: DescriptorEncoder
    let grid: TokenGrid

    /// Samples and encodes; with `frames`, only those of the sampled frames.
    init(_ video: URL, sampling: FrameSampling, frames: Set<Int>? = nil) throws {
        let encoder = try DescriptorEncoder()
        var options = DecodeOptions()
        options.sampling = sampling
        if let size = encoder.frameSize { options.size = .exactly(width: size.width, height: size.height) }
        let decoder = try VideoDecoder(.file(video.path), options: options)
        var values: [Float] = []
        var saliency: [Float] = []
        var times: [Double] = []
        var index = 0
        while let frame = try decoder.next() {
            defer { index += 1 }
            if let frames, !frames.contains(index) { continue }
            let encoded = try encoder.encode(frame, signals: [.saliency])
            values += encoded.tokens
            saliency += encoded.saliency ?? []
            times.append(frame.pts.seconds)
        }
        self.encoder = encoder
        grid = try TokenGrid(
            shape: GridShape(
                frames: times.count, rows: encoder.rows, columns: encoder.columns, channels: encoder.channels),
            values: TensorBuffer(values), frameTimes: times, saliency: saliency)
    }

    /// A tenth of the tokens.
    func reduced(by method: String, _ query: Query? = nil) throws -> Reduction {
        var request = ReductionRequest(budget: .ratio(0.1))
        request.query = query
        request.allowSubstitute = true
        return try RecipeRegistry.recipe(named: method).reduce(grid, request)
    }
}

extension VideoFrame {
    /// The rectangle around the white part of a mask of the same size.
    fileprivate func cropped(around mask: VideoFrame) throws -> VideoFrame {
        let white = (0..<width * height).filter { mask.pixels[$0 * 3] > 127 }
        guard let top = white.first, let bottom = white.last, let left = white.map({ $0 % width }).min(),
            let right = white.map({ $0 % width }).max()
        else { throw Usage() }
        var crop: [UInt8] = []
        for y in top / width...bottom / width { crop += pixels[(y * width + left) * 3..<(y * width + right + 1) * 3] }
        return VideoFrame(width: right - left + 1, height: bottom / width - top / width + 1, pixels: crop, pts: pts)
    }
}
