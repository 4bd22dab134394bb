package import TokenCore
package import TokenReduction
package import VideoDecoding

// How values of other modules read as JSON, in reports and in files alike.

extension JSONValue {
    /// An object that starts as every report does, with `"schema": 1` and who made it.
    package static func report(_ body: JSONValue) -> JSONValue {
        members(["schema": .integer(1), "tokenreel": .string(ProductVersion.current)]).joined(with: body)
    }

    /// The same of its members; those without a value are left out.
    package static func report(_ body: KeyValuePairs<String, JSONValue?>) -> JSONValue { report(.members(body)) }

    /// The metadata of a file, in order of its keys.
    package static func metadata(_ metadata: [String: String]) -> JSONValue {
        .object(metadata.sorted { $0.key < $1.key }.map { Member(key: $0.key, value: .string($0.value)) })
    }
}

extension [StageTiming] {
    /// The seconds of each stage by its name.
    package var json: JSONValue { .object(map { JSONValue.Member(key: $0.stage, value: .number($0.seconds)) }) }
}

extension TokenBudget {
    /// `{"ratio":0.1}`, `{"tokens":512}` or `{"per_frame":64}`.
    package var json: JSONValue {
        switch self {
        case .ratio(let ratio): .members(["ratio": .number(ratio)])
        case .tokens(let count): .members(["tokens": .integer(count)])
        case .perFrame(let count): .members(["per_frame": .integer(count)])
        }
    }
}

extension StreamWindow {
    /// `{"frames":32}`, with `"seconds"` where they are bounded.
    package var json: JSONValue { .members(["frames": .integer(frames), "seconds": seconds.map(JSONValue.number)]) }
}

extension GridShape {
    /// Its four terms by name.
    package var json: JSONValue {
        .members([
            "frames": .integer(frames), "rows": .integer(rows), "columns": .integer(columns),
            "channels": .integer(channels),
        ])
    }
}

extension TokenReelError {
    /// The members every error has, absent ones as null.
    package var json: JSONValue {
        .members([
            "code": .string(code.name), "subject": .string(subject), "found": .string(found),
            "allowed": allowed.map(JSONValue.string) ?? .null, "remedy": remedy.map(JSONValue.string) ?? .null,
        ])
    }
}

extension ReductionReport {
    /// The figures of a reduction; members may be added, those that are there keep their name, type and unit.
    ///
    /// - Parameters:
    ///   - stages: What was done with the result since.
    ///   - notices: In place of the report's own.
    package func json(
        then stages: [StageTiming] = [], notices: [String]? = nil, keyframes: KeyframeSelection? = nil
    ) -> JSONValue {
        .members([
            "video": video.map(\.json), "grid": shape.json,
            "tokens": .members([
                "in": .integer(tokensIn), "out": .integer(tokensOut), "ratio": .number(ratio),
            ]),
            "segments": .integer(segments), "codebook": codebookSize.map(JSONValue.integer) ?? .null,
            "hash": hash.map(\.json), "quantization": quantization.map(\.json),
            "prefix_coverage": prefixCoverage.map(Self.json),
            "keyframes": keyframes.map { selection in
                .members([
                    "count": .integer(selection.keyframes.count), "coverage": .number(selection.coverage),
                ])
            },
            "quality": quality.json,
            "seconds": .members([
                "total": .number(stages.reduce(seconds) { $0 + $1.seconds }),
                "stages": (self.stages + stages).json,
            ]),
            "decoding": statistics.map(\.json), "notices": .array((notices ?? self.notices).map(JSONValue.string)),
            "peak_memory_bytes": .integer(peakMemoryBytes),
        ])
    }

    /// Coverage of the first 1, 2, 4, … tokens and of all.
    private static func json(_ prefixCoverage: [Double]) -> JSONValue {
        let lengths = sequence(first: 1) { $0 * 2 }.prefix { $0 < prefixCoverage.count } + [prefixCoverage.count]
        return .array(
            lengths.filter { $0 > 0 }.map {
                .members(["tokens": .integer($0), "coverage": .number(prefixCoverage[$0 - 1])])
            })
    }
}

extension ReductionQuality {
    /// Its figures.
    package var json: JSONValue {
        .members([
            "coverage": .number(coverage), "coverage_p05": .number(coverageP05), "fidelity": .number(fidelity),
            "density": .number(density), "measured_tokens": .integer(measuredTokens),
        ])
    }
}

extension HashFigures {
    /// Those that apply to the method.
    package var json: JSONValue {
        .members([
            "levels": .integer(levels), "entries": .integer(entries), "usage": .number(usage),
            "entropy_bits": .number(entropy), "perplexity": .number(perplexity), "bits": .integer(bits),
            "compressed_bits": compressedBits.map(JSONValue.integer),
            "bits_per_second": bitRate.map(JSONValue.number) ?? .null,
            "streamable": isStreamable.map(JSONValue.boolean),
            "relative_error": relativeError.map(JSONValue.number), "cosine": cosine.map(JSONValue.number),
        ])
    }
}

extension QuantizationFigures {
    /// What fewer bits changed.
    package var json: JSONValue {
        .members([
            "scheme": .string(scheme), "bits_per_value": .number(bitsPerValue),
            "mean_squared_error": .number(meanSquaredError), "relative_error": .number(relativeError),
            "cosine": .number(cosine),
        ])
    }
}

extension VideoInfo {
    /// What the container says.
    package var json: JSONValue {
        .members([
            "container": .string(container), "codec": .string(codec), "width": .integer(width),
            "height": .integer(height), "rotation": .integer(rotation),
            "frame_rate": frameRate.map(JSONValue.number) ?? .null,
            "duration": duration.map(JSONValue.number) ?? .null, "bit_depth": .integer(bitDepth),
            "pixel_format": .string(pixelFormat), "interlaced": .boolean(isInterlaced),
            "stream": .integer(stream), "video_streams": .integer(videoStreams),
        ])
    }
}

extension DecodeStatistics {
    /// What decoding took.
    package var json: JSONValue {
        .members([
            "strategy": .string(strategy.rawValue), "packets_read": .integer(packetsRead),
            "frames_decoded": .integer(framesDecoded), "frames_returned": .integer(framesReturned),
            "decode_errors": .integer(decodeErrors), "seeks": .integer(seeks),
        ])
    }
}

extension CommittedSegment {
    /// Its place in the stream, and what it took.
    package var json: JSONValue {
        .members([
            "segment": .integer(id), "first_frame": .integer(frames.lowerBound), "grid": sequence.shape.json,
            "tokens": .members(["in": .integer(tokensIn), "out": .integer(sequence.count)]),
            "queries": .array(queries.map(JSONValue.string)),
            "seconds": .members(["stages": stages.json]),
        ])
    }
}
