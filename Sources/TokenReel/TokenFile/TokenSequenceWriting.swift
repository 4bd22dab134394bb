package import Safetensors
public import TokenCore
internal import TokenReduction

extension TokenSequence {
    /// The value of the metadata key `format` in files of reduced tokens.
    public static let fileFormat = "tokenreel/1"

    /// Writes the file described in the project's documentation as `tokenreel/1`.
    ///
    /// The bytes depend on the tokens, `metadata` and `dtype` alone. At any moment `path` holds what was there before or
    /// the whole new file.
    ///
    /// - Parameters:
    ///   - path: The file; its folder must exist.
    ///   - metadata: Strings to store besides `format` and `version`.
    ///   - dtype: How the tokens are stored.
    ///   - cancellation: Ends the work early when raised.
    /// - Throws: ``TokenReelError/Code/inputOutput``, ``TokenReelError/Code/cancelled``.
    public func write(
        to path: String, metadata: [String: String] = [:], dtype: TokenDType = .f16, cancellation: Cancellation? = nil
    ) throws(TokenReelError) {
        try contents(metadata, dtype).write(to: path, cancellation: cancellation)
    }

    /// Writes the same bytes to an open descriptor, which may be a pipe.
    ///
    /// - Throws: ``TokenReelError/Code/inputOutput``, ``TokenReelError/Code/outputClosed``,
    ///   ``TokenReelError/Code/cancelled``.
    public func write(
        to descriptor: Int32, metadata: [String: String] = [:], dtype: TokenDType = .f16,
        cancellation: Cancellation? = nil
    ) throws(TokenReelError) {
        try contents(metadata, dtype).write(to: descriptor, cancellation: cancellation)
    }

    /// The file before it is written.
    package func contents(_ metadata: [String: String], _ dtype: TokenDType) -> SafetensorsWriter {
        var file = SafetensorsWriter(format: Self.fileFormat, metadata: metadata)
        file.metadata.merge(rotaryPositions?.metadata ?? [:]) { _, own in own }
        let grid = [shape.frames, shape.rows, shape.columns]
        if let quantized {
            file.metadata["quantization"] = quantized.quantization.description
            file.metadata["channels"] = "\(shape.channels)"
            quantized.write(to: &file)
        } else {
            file.add("tokens", shape: [count, shape.channels], floats: tokens, as: dtype.stored)
        }
        file.add("positions", shape: [count, 3], positions)
        file.add("timestamps", shape: [count], timestamps)
        file.add("sizes", shape: [count], plan.sizes)
        file.add("owners", shape: grid, plan.owners)
        file.add("plan.offsets", shape: [count + 1], plan.offsets.map(Int64.init))
        file.add("plan.sources", shape: [plan.sources.count], plan.sources)
        file.add("plan.weights", shape: [plan.weights.count], plan.weights)
        file.add("segments", shape: [segments.count, 2], segments.flatMap { [Int32($0.start), Int32($0.end)] })
        file.add("frame_times", shape: [shape.frames], frameTimes)
        if let relevance { file.add("relevance", shape: [count], relevance) }
        if let newline { file.add("newline", shape: [newline.count], newline) }
        if let rotaryPositions { file.add("position_ids", shape: [3, count], rotaryPositions.ids) }
        for (index, stream) in deepstack.enumerated() {
            file.add(
                TensorParts.deepstack(index), shape: [count, shape.channels], floats: stream, as: dtype.stored)
        }
        if isRanked { file.add("rank", shape: [count], (0..<count).map { Int32($0) }) }
        if let codes, let codebook {
            if codebookSize <= 1 << 16 {
                file.add("codes", shape: grid, codes.map(UInt16.init))
            } else {
                file.add("codes", shape: grid, codes)
            }
            file.add("codebook", shape: [codebookSize, shape.channels], floats: codebook)
        }
        levels?.write(to: &file, grid: grid, channels: shape.channels)
        return file
    }

    /// How many numbers of the tokens become infinite when stored in half precision.
    public var valuesBeyondHalf: Int {
        tokens.withUnsafeBufferPointer { numbers in
            numbers.reduce(0) { $0 + ($1.isFinite && !Float16($1).isFinite ? 1 : 0) }
        }
    }
}

extension SafetensorsWriter {
    /// Starts a file of tokens, which says what it is and which version wrote it.
    init(format: String, metadata: [String: String]) {
        self.init(metadata: metadata.merging(["format": format, "version": ProductVersion.current]) { _, own in own })
    }
}

extension TokenDType {
    var stored: DType {
        switch self {
        case .f16: .f16
        case .bf16: .bf16
        case .f32: .f32
        }
    }

    init?(_ stored: DType) {
        switch stored {
        case .f16: self = .f16
        case .bf16: self = .bf16
        case .f32: self = .f32
        default: return nil
        }
    }
}
