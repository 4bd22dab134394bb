internal import TokenCore
internal import TokenReduction
internal import TokenReel
internal import VideoDecoding

/// Outcomes for programs: one object, `"schema": 1`.
///
/// Members may be added; those that are there keep their name, type and unit.
enum ReduceJSON {
    /// The object of one input; for several, an object with `results` and `summary`.
    static func report(_ outcomes: [ReduceJob.Outcome]) -> JSONValue {
        if outcomes.count == 1 { return .object(header + members(outcomes[0])) }
        func count(_ status: ReduceJob.Outcome.Status) -> JSONValue {
            .integer(outcomes.count { $0.status == status })
        }
        let reports = outcomes.compactMap(\.report)
        let summary = JSONValue.members([
            "inputs": .integer(outcomes.count), "done": count(.done), "skipped": count(.skipped),
            "planned": count(.planned), "failed": count(.failed),
            "tokens_in": .integer(reports.reduce(0) { $0 + $1.tokensIn }),
            "tokens_out": .integer(reports.reduce(0) { $0 + $1.tokensOut }),
        ])
        let results = JSONValue.array(outcomes.map { .object(members($0)) })
        return .object(header + object(.members(["results": results, "summary": summary])))
    }

    /// How every object starts.
    static let header = object(
        .members(["schema": .integer(1), "tokenreel": .string(ProductVersion.current)]))

    static func object(_ value: JSONValue) -> [JSONValue.Member] {
        if case .object(let members) = value { members } else { [] }
    }

    private static func members(_ outcome: ReduceJob.Outcome) -> [JSONValue.Member] {
        let start = JSONValue.members([
            "input": .string(inputName(outcome.input)), "output": .string(outcome.output.name),
            "status": .string(outcome.status.rawValue),
        ])
        let rest: JSONValue =
            if let error = outcome.error {
                .members(["error": describe(error)])
            } else if let forecast = outcome.forecast {
                describe(forecast)
            } else if let report = outcome.report {
                describe(report, outcome)
            } else {
                .object([])
            }
        return object(start) + object(rest)
    }

    private static func describe(_ report: ReductionReport, _ outcome: ReduceJob.Outcome) -> JSONValue {
        .members([
            "video": report.video.map(describe), "grid": describe(report.shape),
            "tokens": .members([
                "in": .integer(report.tokensIn), "out": .integer(report.tokensOut), "ratio": .number(report.ratio),
            ]),
            "segments": .integer(report.segments), "codebook": report.codebookSize.map(JSONValue.integer) ?? .null,
            "hash": report.hash.map(describe), "quantization": report.quantization.map(describe),
            "prefix_coverage": report.prefixCoverage.map(describe),
            "keyframes": outcome.keyframes.map { selection in
                .members([
                    "count": .integer(selection.keyframes.count), "coverage": .number(selection.coverage),
                ])
            },
            "quality": .members([
                "coverage": .number(report.quality.coverage), "coverage_p05": .number(report.quality.coverageP05),
                "fidelity": .number(report.quality.fidelity), "density": .number(report.quality.density),
                "measured_tokens": .integer(report.quality.measuredTokens),
            ]),
            "seconds": .members([
                "total": .number(report.seconds + outcome.writeSeconds),
                "stages": .object(
                    outcome.stages.map { JSONValue.Member(key: $0.stage, value: .number($0.seconds)) }),
            ]),
            "decoding": report.statistics.map(describe), "notices": .array(outcome.notices.map(JSONValue.string)),
            "peak_memory_bytes": .integer(report.peakMemoryBytes),
        ])
    }

    static func describe(_ hash: HashFigures) -> JSONValue {
        .members([
            "levels": .integer(hash.levels), "entries": .integer(hash.entries), "usage": .number(hash.usage),
            "entropy_bits": .number(hash.entropy), "perplexity": .number(hash.perplexity), "bits": .integer(hash.bits),
            "compressed_bits": hash.compressedBits.map(JSONValue.integer),
            "bits_per_second": hash.bitRate.map(JSONValue.number) ?? .null,
            "streamable": hash.isStreamable.map(JSONValue.boolean),
            "relative_error": hash.relativeError.map(JSONValue.number), "cosine": hash.cosine.map(JSONValue.number),
        ])
    }

    private static func describe(_ quantization: QuantizationFigures) -> JSONValue {
        .members([
            "scheme": .string(quantization.scheme), "bits_per_value": .number(quantization.bitsPerValue),
            "mean_squared_error": .number(quantization.meanSquaredError),
            "relative_error": .number(quantization.relativeError), "cosine": .number(quantization.cosine),
        ])
    }

    /// Coverage of the first 1, 2, 4, … tokens and of all.
    private static func describe(_ prefixCoverage: [Double]) -> JSONValue {
        let lengths = sequence(first: 1) { $0 * 2 }.prefix { $0 < prefixCoverage.count } + [prefixCoverage.count]
        return .array(
            lengths.filter { $0 > 0 }.map {
                .members(["tokens": .integer($0), "coverage": .number(prefixCoverage[$0 - 1])])
            })
    }

    private static func describe(_ forecast: Forecast) -> JSONValue {
        .members([
            "video": forecast.video.map(describe), "grid": forecast.shape.map(describe) ?? .null,
            "tokens": .members([
                "in": forecast.shape.map { .integer($0.tokenCount) } ?? .null,
                "out": forecast.tokensOut.map(JSONValue.integer) ?? .null,
            ]),
            "grid_bytes": forecast.gridBytes.map(JSONValue.integer) ?? .null,
            "resident_grid_bytes": forecast.residentGridBytes.map(JSONValue.integer) ?? .null,
        ])
    }

    static func describe(_ error: TokenReelError) -> JSONValue { error.json }
    static func describe(_ shape: GridShape) -> JSONValue { shape.json }

    static func describe(_ video: VideoInfo) -> JSONValue {
        .members([
            "container": .string(video.container), "codec": .string(video.codec), "width": .integer(video.width),
            "height": .integer(video.height), "rotation": .integer(video.rotation),
            "frame_rate": video.frameRate.map(JSONValue.number) ?? .null,
            "duration": video.duration.map(JSONValue.number) ?? .null, "bit_depth": .integer(video.bitDepth),
            "pixel_format": .string(video.pixelFormat), "interlaced": .boolean(video.isInterlaced),
            "stream": .integer(video.stream), "video_streams": .integer(video.videoStreams),
        ])
    }

    static func describe(_ statistics: DecodeStatistics) -> JSONValue {
        .members([
            "strategy": .string(statistics.strategy.rawValue), "packets_read": .integer(statistics.packetsRead),
            "frames_decoded": .integer(statistics.framesDecoded),
            "frames_returned": .integer(statistics.framesReturned),
            "decode_errors": .integer(statistics.decodeErrors), "seeks": .integer(statistics.seeks),
        ])
    }

    private static func inputName(_ input: InputSource) -> String {
        if case .file(let path) = input { path } else { input.name }
    }
}
