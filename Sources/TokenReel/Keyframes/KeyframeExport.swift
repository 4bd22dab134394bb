internal import Essentials
public import TokenCore
internal import TokenReduction
internal import VideoDecoding

extension Pipeline {
    /// Writes the most informative frames of a video as JPEG with a `manifest.json`, for language models that take
    /// pictures and no embeddings.
    ///
    /// Pictures are `0001.jpg`, `0002.jpg`, … in order of time, at most 1024 pixels along the longer edge. The manifest
    /// tells for each its time, its rank (1 is the most informative), its segment, and the segments it stands for.
    ///
    /// - Parameters:
    ///   - reduced: What ``reduce(_:progress:)`` made of the input.
    ///   - input: The video.
    ///   - folder: Made where it is missing; files of these names in it are replaced.
    ///   - count: The most frames to write.
    /// - Returns: What was chosen.
    /// - Throws: ``TokenReelError/Code/unsupportedInput`` for a token grid, which has no pictures;
    ///   ``TokenReelError/Code/inputOutput``; ``TokenReelError`` of the decoder; ``TokenReelError/Code/cancelled``.
    @discardableResult
    public func exportKeyframes(
        of reduced: ReducedInput, from input: OpenInput, to folder: String, atMost count: Int
    ) throws(TokenReelError) -> KeyframeSelection {
        guard case .video(let source) = input.content else {
            throw TokenReelError(
                .unsupportedInput, subject: input.source.name, found: "a token grid, which has no pictures",
                allowed: "a video", remedy: "leave out --frames-out")
        }
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw TokenReelError(.inputOutput, subject: folder, found: "the folder can't be made: \(error)")
        }
        let sequence = reduced.sequence
        let selection = KeyframeSelection(of: sequence, atMost: count, workers: request.workers)
        var options = decodeOptions
        options.start = nil
        options.end = nil
        options.cancellation = request.cancellation
        let pictures = SourcePictures(source, frameTimes: sequence.frameTimes, options: options)
        var written: [JSONValue] = []
        let keyframes = Dictionary(uniqueKeysWithValues: selection.keyframes.map { ($0.frame, $0) })
        do {
            try pictures.forEach(of: selection.keyframes.map(\.frame), edge: Self.keyframeEdge) {
                frame, picture throws(TokenReelError) in
                guard let keyframe = keyframes[frame] else { return }
                let number = String(written.count + 1)
                let name = String(repeating: "0", count: max(0, 4 - number.count)) + number + ".jpg"
                let bytes = try picture.encoded(as: .jpeg(quality: 85))
                try OutputFile.write(bytes, to: "\(folder)/\(name)")
                written.append(Self.describe(keyframe, picture, name, bytes.count, sequence))
            }
        } catch {
            throw input.restated(error)
        }
        let manifest = JSONValue.report([
            "source": .string(input.source.name), "sha256": reduced.metadata["sha256"].map(JSONValue.string),
            "order": .string("time"), "coverage": .number(selection.coverage), "frames": .array(written),
        ])
        try OutputFile.write(manifest.text + "\n", to: "\(folder)/manifest.json")
        return selection
    }

    private static let keyframeEdge = 1024

    private static func describe(
        _ keyframe: KeyframeSelection.Keyframe, _ picture: VideoFrame, _ name: String, _ bytes: Int,
        _ sequence: TokenSequence
    ) -> JSONValue {
        let own = sequence.segments.firstIndex { $0.start <= keyframe.frame && keyframe.frame < $0.end }
        return .members([
            "file": .string(name), "time": .number(sequence.frameTimes[keyframe.frame]),
            "frame": .integer(keyframe.frame), "width": .integer(picture.width), "height": .integer(picture.height),
            "bytes": .integer(bytes), "rank": .integer(keyframe.rank + 1), "gain": .number(keyframe.gain),
            "segment": own.map(JSONValue.integer),
            "stands_for": .array(
                keyframe.segments.map { index in
                    let segment = sequence.segments[index]
                    return .members([
                        "segment": .integer(index), "start": .number(sequence.frameTimes[segment.start]),
                        "end": .number(sequence.frameTimes[segment.end - 1]),
                    ])
                }),
        ])
    }
}
