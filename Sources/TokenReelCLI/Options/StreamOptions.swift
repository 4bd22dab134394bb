// Public, because the memory's policies are, and so must be what they conform to.
public import ArgumentParser
internal import TokenCore
public import TokenReduction
internal import TokenReel

extension StreamMemoryPolicy: ExpressibleByArgument {}

/// Where the codebooks of a stream's segments come from.
enum CodebookMode: String, ExpressibleByArgument, CaseIterable {
    case fresh, frozen, updated, versioned
}

/// What a stream needs to know that a file does not: when to cut it, and what to carry from segment to segment.
struct StreamOptions: ParsableArguments {
    @Option(help: "Frames after which a segment is finished even if it could still grow.")
    var window = StreamWindow().frames

    @Option(
        help: ArgumentHelp("Seconds of video after which a segment is finished likewise.", valueName: "seconds"))
    var maxLatency: Double?

    @Option(
        help: """
            Codebooks for methods that hash: fresh for each segment, frozen once learnt, updated by each segment, or \
            versioned, which is learnt anew when it no longer fits. (default: fresh)
            """)
    var codebookMode: CodebookMode?

    @Option(help: ArgumentHelp("Name tokens by the codebook of this token file.", valueName: "file.safetensors"))
    var codebookFrom: String?

    @Option(
        help: """
            Remember the stream in a bounded number of tokens: \
            \(StreamMemoryPolicy.allCases.map(\.rawValue).joined(separator: ", ")).
            """)
    var memory: StreamMemoryPolicy?

    @Option(help: "Tokens of the memory at most. (default: 4096)")
    var memoryTokens: Int?

    mutating func validate() throws {
        guard codebookMode == nil || codebookFrom == nil else {
            throw ValidationError("Give only one of --codebook-mode and --codebook-from.")
        }
        guard memoryTokens == nil || memory != nil else {
            throw ValidationError("--memory-tokens is the size of a memory; choose one with --memory.")
        }
    }

    /// A live reduction by a pipeline.
    func reduction(by pipeline: Pipeline) throws(TokenReelError) -> LiveReduction {
        var reduction = LiveReduction(pipeline, window: StreamWindow(frames: window, seconds: maxLatency))
        reduction.codebook = try codebook
        reduction.memory = memory.map { StreamMemory($0, tokens: memoryTokens ?? 4096) }
        return reduction
    }

    private var codebook: StreamCodebook {
        get throws(TokenReelError) {
            if let codebookFrom {
                guard let entries = try TokenSequenceFile(path: codebookFrom).sequence.codebook else {
                    throw TokenReelError(
                        .unsupportedInput, subject: codebookFrom, found: "tokens without a codebook",
                        allowed: "the result of a method that hashes")
                }
                return .given(entries)
            }
            return switch codebookMode ?? .fresh {
            case .fresh: .fresh
            case .frozen: .frozen()
            case .updated: .updated()
            case .versioned: .versioned()
            }
        }
    }
}
