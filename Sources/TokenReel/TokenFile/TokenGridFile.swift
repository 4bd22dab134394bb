package import Safetensors
public import TokenCore

/// A token grid in a safetensors file, made here by `encode` or elsewhere by a vision tower.
///
/// | tensor | shape | |
/// |---|---|---|
/// | `tokens` | `[T, H, W, D]`, or `[T, N, D]` with square N | F32, F16, BF16 or F64 |
/// | `saliency` | `[T, H, W]` or `[T, N]` | optional: how much attention each token receives |
/// | `frame_features` | `[T, F]` | optional: one global vector a frame |
/// | `frame_times` | `[T]` | optional: seconds; without it frames count as one second apart |
/// | `patch_embeddings` | `[T, H, W, E]` or `[T, N, E]` | optional: the tokens in a space shared with text |
/// | `object_saliency`, `class_attention`, … | `[T, H, W]`, `[T, N]`, or either with layers before T | optional: ``Signal/maps`` |
/// | `deepstack.0`, `deepstack.1`, … | as `tokens` | optional: vectors that the model adds in deeper layers |
/// | `newline` | `[D]` | optional: what the model reads after the last token of a video |
/// | `query` | `[M, D]`, `[M, E]` or one vector | optional: what to look for |
public struct TokenGridFile: Sendable {
    /// The tokens and their signals; F32 tokens stay in the mapped file.
    public let grid: TokenGrid
    /// The query that came with the grid.
    public let query: Query?
    /// The strings of the file.
    public let metadata: [String: String]

    /// The value of the metadata key `format` in grids written here; other writers need not set it.
    public static let fileFormat = "tokenreel-grid/1"

    /// Reads the file at `path`; it must not be shortened while the grid is in use.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` if it is damaged or a tensor has a shape that makes no sense,
    ///   ``TokenReelError/Code/unsupportedInput`` for tokens that are reduced already or not floating-point,
    ///   ``TokenReelError/Code/limitExceeded`` for a grid above `limits.gridBytes`.
    public init(path: String, limits: Limits = Limits()) throws(TokenReelError) {
        try self.init(SafetensorsFile(path: path), name: path, limits: limits)
    }

    /// Reads tensors that may as well be in memory; `name` is what errors call them.
    package init(_ file: SafetensorsFile, name: String, limits: Limits) throws(TokenReelError) {
        let parts = TensorParts(file: file, name: name)
        let shape = try Self.shape(of: file, name: name)
        guard shape.elementCount <= limits.gridBytes / 4 / (1 + parts.deepstackCount) else {
            throw GridStorage.tooLarge(shape.elementCount * 4, limits).about(name)
        }
        // A grid of no rows takes no bytes, so the number of frames needs a bound of its own.
        guard shape.frames <= limits.sampledFrames else {
            throw TokenReelError(
                .limitExceeded, subject: name, found: "\(shape.frames) frames", allowed: "\(limits.sampledFrames)",
                remedy: "raise it with --max-frames")
        }
        let frames = shape.frames
        let flat = [frames, shape.tokensPerFrame]
        var saliency: [Float]?
        if let entry = file.tensors["saliency"] {
            let expected = entry.shape.count == 2 ? flat : [frames, shape.rows, shape.columns]
            saliency = try parts.floats("saliency", expected).array
        }
        var features: [Float]?
        if file.tensors["frame_features"] != nil {
            let sizes = try parts.sizes("frame_features", ["T", "F"])
            features = try parts.floats("frame_features", [frames, sizes[1]]).array
        }
        var embeddings: TensorBuffer<Float>?
        if let entry = file.tensors["patch_embeddings"] {
            let cells = entry.shape.count == 3 ? flat : [frames, shape.rows, shape.columns]
            embeddings = try parts.floats("patch_embeddings", cells + [entry.shape.last ?? 0])
        }
        var maps: [Signal: TokenMap] = [:]
        for signal in Signal.maps {
            guard let entry = file.tensors[signal.tensorName] else { continue }
            let isFlat = entry.shape.suffix(2) == flat[...] && (2...3).contains(entry.shape.count)
            let cells = isFlat ? flat : [frames, shape.rows, shape.columns]
            let layers = entry.shape.count == cells.count + 1 ? entry.shape.prefix(1) : []
            let values = try parts.floats(signal.tensorName, layers + cells).array
            maps[signal] = TokenMap(layers: layers.first ?? 1, values: values)
        }
        var times = (0..<frames).map(Double.init)
        if file.tensors["frame_times"] != nil { times = try parts.doubles("frame_times", [frames]) }
        try parts.require(times.allSatisfy(\.isFinite), "a frame time that is not finite")
        grid = try TokenGrid(
            shape: shape, values: file.floats("tokens"), frameTimes: times, saliency: saliency,
            frameFeatures: features, patchEmbeddings: embeddings, maps: maps,
            newline: parts.newline(shape.channels), deepstack: parts.deepstack(file.entry("tokens").shape))
        query = file.tensors["query"] == nil ? nil : try Query(file, tensor: "query", name: name)
        metadata = file.metadata
    }

    private static func shape(of file: SafetensorsFile, name: String) throws(TokenReelError) -> GridShape {
        let entry = try file.entry("tokens")
        let sizes = entry.shape
        do {
            switch sizes.count {
            case 4: return try GridShape(frames: sizes[0], rows: sizes[1], columns: sizes[2], channels: sizes[3])
            case 3:
                let side = Int(Double(sizes[1]).squareRoot().rounded())
                if side.multipliedReportingOverflow(by: side) == (sizes[1], false) {
                    return try GridShape(frames: sizes[0], rows: side, columns: side, channels: sizes[2])
                }
            default: break
            }
        } catch {
            throw TokenReelError(.unreadableInput, subject: name, found: error.found, allowed: error.allowed)
        }
        let isReduced = sizes.count == 2 && file.metadata["format"] == TokenSequence.fileFormat
        throw TokenReelError(
            .unsupportedInput, subject: name,
            found: isReduced ? "tokens that are reduced already" : "tokens of shape \(sizes)",
            allowed: "[T, H, W, D], or [T, N, D] where N is a square number")
    }
}

extension TokenGrid {
    /// Writes the grid for later reductions, here or elsewhere; ``TokenGridFile`` reads it.
    ///
    /// - Throws: ``TokenReelError/Code/inputOutput``, ``TokenReelError/Code/cancelled``.
    public func write(
        to path: String, metadata: [String: String] = [:], dtype: TokenDType = .f32, cancellation: Cancellation? = nil
    ) throws(TokenReelError) {
        try contents(metadata, dtype).write(to: path, cancellation: cancellation)
    }

    /// Writes the same bytes to an open descriptor, which may be a pipe.
    ///
    /// - Throws: ``TokenReelError/Code/inputOutput``, ``TokenReelError/Code/outputClosed``,
    ///   ``TokenReelError/Code/cancelled``.
    public func write(
        to descriptor: Int32, metadata: [String: String] = [:], dtype: TokenDType = .f32,
        cancellation: Cancellation? = nil
    ) throws(TokenReelError) {
        try contents(metadata, dtype).write(to: descriptor, cancellation: cancellation)
    }

    /// The file before it is written.
    package func contents(_ metadata: [String: String], _ dtype: TokenDType) -> SafetensorsWriter {
        var file = SafetensorsWriter(format: TokenGridFile.fileFormat, metadata: metadata)
        let cells = [shape.frames, shape.rows, shape.columns]
        file.add("tokens", shape: cells + [shape.channels], floats: values, as: dtype.stored)
        file.add("frame_times", shape: [shape.frames], frameTimes)
        if let saliency { file.add("saliency", shape: cells, saliency) }
        if let frameFeatures, shape.frames > 0 {
            file.add("frame_features", shape: [shape.frames, frameFeatures.count / shape.frames], frameFeatures)
        }
        if let patchEmbeddings, patchEmbeddingChannels > 0 {
            file.add("patch_embeddings", shape: cells + [patchEmbeddingChannels], floats: patchEmbeddings, as: .f32)
        }
        for (index, stream) in deepstack.enumerated() {
            file.add(
                TensorParts.deepstack(index), shape: cells + [shape.channels], floats: stream, as: dtype.stored)
        }
        if let newline { file.add("newline", shape: [newline.count], newline) }
        for signal in Signal.maps {
            guard let map = maps[signal] else { continue }
            file.add(signal.tensorName, shape: (map.layers == 1 ? [] : [map.layers]) + cells, map.values)
        }
        return file
    }
}

extension Query {
    /// Reads `[M, D]` or `[D]` embeddings from a safetensors file: its tensor `query`, or the only one it has.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput``, ``TokenReelError/Code/unsupportedInput``, and
    ///   ``TokenReelError/Code/invalidArgument`` for embeddings that are empty or not finite.
    public init(path: String) throws(TokenReelError) {
        let file = try SafetensorsFile(path: path)
        let only = file.tensors.count == 1 ? file.tensors.keys.first : nil
        try self.init(file, tensor: file.tensors["query"] == nil ? only ?? "query" : "query", name: path)
    }

    init(_ file: SafetensorsFile, tensor: String, name: String) throws(TokenReelError) {
        let shape = try file.entry(tensor).shape
        guard let channels = shape.last, shape.count <= 2 else {
            throw TokenReelError(
                .unreadableInput, subject: name, found: "\(tensor) of shape \(shape)", allowed: "[M, D] or [D]")
        }
        do {
            let query = try Query(vectors: file.floats(tensor).array, channels: channels)
            // What the vectors are parts of may be said beside them.
            guard file.tensors["query_words"] != nil || file.tensors["query_phrases"] != nil else {
                self = query
                return
            }
            self = try query.composed(
                words: file.tensors["query_words"] == nil
                    ? Array(0..<query.count) : file.integers("query_words"),
                phrases: file.tensors["query_phrases"] == nil ? nil : file.integers("query_phrases"))
        } catch {
            throw error.about(name)
        }
    }
}
