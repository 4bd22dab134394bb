internal import Safetensors
public import TokenCore
internal import TokenReduction

/// A file of reduced tokens, read and checked.
///
/// Everything that follows from the plan (positions, sizes, owners, timestamps) is stored for readers in other
/// languages; here it is compared with the plan, so a file that contradicts itself is refused.
public struct TokenSequenceFile: Sendable {
    /// The tokens, at the precision they were stored with.
    public let sequence: TokenSequence
    /// How the tokens are stored; F32 where they come back from few bits.
    public let dtype: TokenDType
    /// The strings of the file.
    public let metadata: [String: String]

    /// Reads the file at `path`; it must not be shortened while the tokens are in use.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` if it is not a whole file of this format or contradicts itself,
    ///   ``TokenReelError/Code/unsupportedInput`` if it has another format or dtype.
    public init(path: String) throws(TokenReelError) {
        try self.init(SafetensorsFile(path: path), name: path)
    }

    init(_ file: SafetensorsFile, name: String) throws(TokenReelError) {
        guard file.metadata["format"] == TokenSequence.fileFormat else {
            throw TokenReelError(
                .unsupportedInput, subject: name, found: "format \"\(file.metadata["format"] ?? "")\"",
                allowed: "\"\(TokenSequence.fileFormat)\" in the metadata")
        }
        let parts = TensorParts(file: file, name: name)
        let quantized = try QuantizedTokens(parts)
        let tokenSizes =
            if let quantized { [quantized.count, quantized.channels] } else { try parts.sizes("tokens", ["N", "D"]) }
        let (count, channels) = (tokenSizes[0], tokenSizes[1])
        let grid = try parts.sizes("owners", ["T", "H", "W"])
        let entries = try parts.sizes("plan.sources", ["nnz"])[0]
        let storedType = try quantized == nil ? file.entry("tokens").dtype : .f32
        guard let dtype = TokenDType(storedType) else {
            throw TokenReelError(
                .unsupportedInput, subject: name, found: "tokens of \(storedType.rawValue)", allowed: "F16, BF16, F32")
        }
        let shape = try GridShape(frames: grid[0], rows: grid[1], columns: grid[2], channels: channels)
        let positions = try parts.integers("positions", [count, 3])
        let anchors = try parts.anchors(positions, in: shape)
        let plan: ReductionPlan
        do {
            plan = try ReductionPlan(
                sourceCount: shape.tokenCount, offsets: parts.integers("plan.offsets", [count + 1]),
                sources: parts.indices("plan.sources", [entries]),
                weights: parts.floats("plan.weights", [entries]).array, anchors: anchors)
        } catch {
            throw TokenReelError(
                .unreadableInput, subject: name, found: "\(error.subject): \(error.found)", allowed: error.allowed)
        }
        let frameTimes = try parts.doubles("frame_times", [shape.frames])
        var codes: [Int32]?
        var codebook: TensorBuffer<Float>?
        if file.tensors["codebook"] != nil {
            let size = try parts.sizes("codebook", ["K", "D"])[0]
            codebook = try parts.floats("codebook", [size, channels])
            codes = try parts.indices("codes", grid)
            try parts.require(codes?.allSatisfy { 0..<size ~= Int($0) } ?? true, "codes outside the codebook")
        }
        let isRanked = file.tensors["rank"] != nil
        if isRanked {
            try parts.require(try parts.integers("rank", [count]) == Array(0..<count), "ranks that do not count up")
        }
        let tokens: TensorBuffer<Float>
        do throws(TokenReelError) {
            tokens = if let quantized { try quantized.values() } else { try parts.floats("tokens", [count, channels]) }
        } catch {
            throw error.about(name)
        }
        var sequence = TokenSequence(
            shape: shape, tokens: tokens, plan: plan, frameTimes: frameTimes,
            segments: try parts.segments(of: shape.frames),
            relevance: file.tensors["relevance"] == nil ? nil : try parts.floats("relevance", [count]).array,
            codes: codes, codebook: codebook, newline: try parts.newline(channels),
            deepstack: try parts.deepstack([count, channels]),
            levels: try CodeLevels(parts, grid: grid, channels: channels), isRanked: isRanked, quantized: quantized)
        try parts.require(plan.owners == parts.indices("owners", grid), "owners that contradict the plan")
        try parts.require(plan.sizes == parts.floats("sizes", [count]).array, "sizes that contradict the plan")
        try parts.require(
            sequence.timestamps == parts.doubles("timestamps", [count]), "timestamps that contradict frame_times")
        if file.tensors["position_ids"] != nil {
            let rule = file.metadata["position_rule"].flatMap(PositionRule.init)
            guard let rule, let facts = try RotaryFacts(file.metadata) else {
                throw TokenReelError(
                    .unreadableInput, subject: name, found: "position_ids without a family and a position_rule")
            }
            sequence = sequence.placed(facts, by: rule)
            try parts.require(
                sequence.rotaryPositions?.ids.map(Int.init) == parts.integers("position_ids", [3, count]),
                "position_ids that contradict the plan")
        }
        self.sequence = sequence
        self.dtype = dtype
        metadata = file.metadata
    }
}

/// Reads tensors of stated shapes, so that everything after works on known sizes.
struct TensorParts {
    let file: SafetensorsFile
    let name: String

    /// The sizes of a tensor that must have as many dimensions as `dimensions` names.
    func sizes(_ tensor: String, _ dimensions: [String]) throws(TokenReelError) -> [Int] {
        let shape = try file.entry(tensor).shape
        guard shape.count == dimensions.count else {
            throw TokenReelError(
                .unreadableInput, subject: name, found: "\(tensor) of shape \(shape)",
                allowed: "[\(dimensions.joined(separator: ", "))]")
        }
        return shape
    }

    func floats(_ tensor: String, _ shape: [Int]) throws(TokenReelError) -> TensorBuffer<Float> {
        try check(tensor, shape)
        return try file.floats(tensor)
    }

    func doubles(_ tensor: String, _ shape: [Int]) throws(TokenReelError) -> [Double] {
        try check(tensor, shape)
        return try file.doubles(tensor)
    }

    func integers(_ tensor: String, _ shape: [Int]) throws(TokenReelError) -> [Int] {
        try check(tensor, shape)
        return try file.integers(tensor)
    }

    /// Integers that fit 32 bits.
    func indices(_ tensor: String, _ shape: [Int]) throws(TokenReelError) -> [Int32] {
        let numbers = try integers(tensor, shape)
        try require(
            numbers.allSatisfy { Int(Int32.min)...Int(Int32.max) ~= $0 }, "a number in \(tensor) beyond 32 bits")
        return numbers.map { Int32($0) }
    }

    /// What the model reads after the last token.
    func newline(_ channels: Int) throws(TokenReelError) -> [Float]? {
        guard file.tensors["newline"] != nil else { return nil }
        let newline = try floats("newline", [channels]).array
        try require(newline.allSatisfy(\.isFinite), "a newline that is not finite")
        return newline
    }

    /// The name of a further stream of vectors.
    static func deepstack(_ index: Int) -> String { "deepstack.\(index)" }

    /// How many further streams there are; a gap in their numbers shows when they are read.
    var deepstackCount: Int { file.tensors.keys.count { $0.hasPrefix("deepstack.") } }

    /// Further streams of vectors of one shape.
    func deepstack(_ shape: [Int]) throws(TokenReelError) -> [TensorBuffer<Float>] {
        try (0..<deepstackCount).map { (index) throws(TokenReelError) in try floats(Self.deepstack(index), shape) }
    }

    func require(_ condition: Bool, _ found: String) throws(TokenReelError) {
        guard condition else { throw TokenReelError(.unreadableInput, subject: name, found: found) }
    }

    /// The tokens at `[count, 3]` frames, rows and columns.
    func anchors(_ positions: [Int], in shape: GridShape) throws(TokenReelError) -> [Int32] {
        var anchors: [Int32] = []
        for start in stride(from: 0, to: positions.count, by: 3) {
            let (frame, row, column) = (positions[start], positions[start + 1], positions[start + 2])
            try require(
                0..<shape.frames ~= frame && 0..<shape.rows ~= row && 0..<shape.columns ~= column,
                "position [\(frame), \(row), \(column)] outside the grid")
            anchors.append(Int32((frame * shape.rows + row) * shape.columns + column))
        }
        return anchors
    }

    /// Segments that must tile the frames in order.
    func segments(of frames: Int) throws(TokenReelError) -> [Segment] {
        let count = try sizes("segments", ["S", "2"])[0]
        let numbers = try integers("segments", [count, 2])
        var segments: [Segment] = []
        for index in 0..<count {
            let (start, end) = (numbers[2 * index], numbers[2 * index + 1])
            try require(
                start == segments.last?.end ?? 0 && start < end && end <= frames, "segments that do not tile the frames"
            )
            segments.append(Segment(start: start, end: end))
        }
        try require(segments.last?.end ?? 0 == frames, "segments that do not tile the frames")
        return segments
    }

    private func check(_ tensor: String, _ shape: [Int]) throws(TokenReelError) {
        let found = try file.entry(tensor).shape
        guard found == shape else {
            throw TokenReelError(
                .unreadableInput, subject: name, found: "\(tensor) of shape \(found)", allowed: "\(shape)")
        }
    }
}
