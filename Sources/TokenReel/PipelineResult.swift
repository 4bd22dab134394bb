public import TokenCore
public import TokenReduction
public import VideoDecoding

/// Receives news while a pipeline works; called on the pipeline's thread.
public typealias ProgressHandler = @Sendable (PipelineProgress) -> Void

/// How far a pipeline has come.
public struct PipelineProgress: Sendable {
    /// Parts of the work that take time.
    public enum Stage: String, Sendable {
        /// Frames are decoded and encoded.
        case decode
        /// The grid is complete and gets reduced.
        case reduce
    }
    /// What is being done.
    public let stage: Stage
    /// Frames encoded so far.
    public let frames: Int
    /// Frames there will be, if that is known or can be estimated.
    public let expectedFrames: Int?
}

/// The token grid of an input, with what came along.
public struct EncodedInput: Sendable {
    /// What decoding a video brought to light.
    public struct Video: Sendable {
        /// What the container says.
        public let info: VideoInfo
        /// What the encoder says about the grid, for the metadata.
        let facts: [String: String]
        /// What decoding took.
        public let statistics: DecodeStatistics
        /// Seconds that the decoder's thread was busy.
        public let decodeSeconds: Double
        /// Seconds that encoding took, while the decoder went on.
        public let encodeSeconds: Double

        /// The same with the names of the stages.
        public var stages: [StageTiming] {
            [
                StageTiming(stage: "decode", seconds: decodeSeconds),
                StageTiming(stage: "encode", seconds: encodeSeconds),
            ]
        }
    }
    /// The tokens before reduction.
    public let grid: TokenGrid
    /// The query that came in the same file.
    public let query: Query?
    /// The strings of a grid file; empty for video.
    public let metadata: [String: String]
    /// Facts of the video; nil if the input was a grid.
    public let video: Video?

    /// A grid that is in memory, for ``Pipeline/reduce(encoded:progress:)``.
    ///
    /// - Parameter metadata: Of what ``TokenGridFile`` documents, the strings to pass on to the result.
    public init(grid: TokenGrid, query: Query? = nil, metadata: [String: String] = [:]) {
        self.init(grid: grid, query: query, metadata: metadata, video: nil)
    }

    init(grid: TokenGrid, query: Query?, metadata: [String: String], video: Video?) {
        self.grid = grid
        self.query = query
        self.metadata = metadata
        self.video = video
    }

    /// What is known only once the input has been read, for the metadata of the output.
    package var facts: [String: String] {
        if let video {
            var facts = video.facts
            facts["duration"] = video.info.duration.map { "\($0)" }
            return facts
        }
        return metadata.filter { Self.lasting.contains($0.key) }
    }

    /// What stays true of a grid's tokens when they are reduced.
    private static let lasting: Set = [
        "duration", "model", "query_model", "layer", "space", "newline", "placeholder", "centre_square",
        // Where the language model places them.
        "family", "patch_size", "spatial_merge_size", "temporal_patch_size", "tokens_per_second", "grid_thw", "fps",
        "video_fps", "frame_indices",
    ]
}

/// What a pipeline made of one input.
public struct ReducedInput: Sendable {
    /// The tokens.
    public let sequence: TokenSequence
    /// Where they came from and how, to be written with them.
    public let metadata: [String: String]
    /// What it took and how good it is.
    public let report: ReductionReport
}

/// The figures of one reduction.
public struct ReductionReport: Sendable {
    /// The grid that was reduced.
    public let shape: GridShape
    /// Number of tokens kept.
    public let tokensOut: Int
    /// Number of segments that were reduced on their own.
    public let segments: Int
    /// How codes are used, what they cost and what they lose, where the method hashes.
    public let hash: HashFigures?
    /// What storing the tokens in few bits changed, where that was asked for; ``quality`` is that of the stored tokens.
    public let quantization: QuantizationFigures?
    /// `[tokensOut]`: with prefix order, how well the first token, the first two, … stand for the grid.
    public let prefixCoverage: [Double]?
    /// Entries of the codebook, where the method hashes.
    public let codebookSize: Int?
    /// How well the tokens stand for the grid.
    public let quality: ReductionQuality
    /// Seconds of each stage in order; decoding and encoding overlap.
    public let stages: [StageTiming]
    /// Seconds of the whole.
    public let seconds: Double
    /// What the container says; nil for grids.
    public let video: VideoInfo?
    /// What decoding took; nil for grids.
    public let statistics: DecodeStatistics?
    /// What a user should know about how the result came to be.
    public let notices: [String]
    /// The most memory that the process has held so far.
    public let peakMemoryBytes: Int

    /// Number of tokens before reduction.
    public var tokensIn: Int { shape.tokenCount }
    /// Share of the tokens that was kept.
    public var ratio: Double { tokensIn == 0 ? 0 : Double(tokensOut) / Double(tokensIn) }
}
