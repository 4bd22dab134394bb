package import TokenReduction
package import VideoDecoding

// Reports for programs: members may be added; those that are there keep their name, type and unit.

extension JSONValue {
    /// How every report starts.
    package static let reportHeader = JSONValue.members([
        "schema": .integer(1), "tokenreel": .string(ProductVersion.current),
    ]).members
}

extension ReductionReport {
    /// The figures by name.
    ///
    /// - Parameters:
    ///   - stages: The report's own, and what came after.
    ///   - seconds: Of all stages.
    package func json(
        keyframes: KeyframeSelection? = nil, stages: [StageTiming], seconds: Double, notices: [String]
    ) -> JSONValue {
        .members([
            "video": video?.json, "grid": shape.json,
            "tokens": .members([
                "in": .integer(tokensIn), "out": .integer(tokensOut), "ratio": .number(ratio),
            ]),
            "segments": .integer(segments), "codebook": codebookSize.map(JSONValue.integer) ?? .null,
            "hash": hash?.json, "quantization": quantization?.json, "prefix_coverage": prefixCoverageJSON,
            "keyframes": keyframes.map { selection in
                .members([
                    "count": .integer(selection.keyframes.count), "coverage": .number(selection.coverage),
                ])
            },
            "quality": .members([
                "coverage": .number(quality.coverage), "coverage_p05": .number(quality.coverageP05),
                "fidelity": .number(quality.fidelity), "density": .number(quality.density),
                "measured_tokens": .integer(quality.measuredTokens),
            ]),
            "seconds": .members([
                "total": .number(seconds),
                "stages": .object(stages.map { JSONValue.Member(key: $0.stage, value: .number($0.seconds)) }),
            ]),
            "decoding": statistics?.json, "notices": .array(notices.map(JSONValue.string)),
            "peak_memory_bytes": .integer(peakMemoryBytes),
        ])
    }

    /// Coverage of the first 1, 2, 4, … tokens and of all.
    private var prefixCoverageJSON: JSONValue? {
        guard let prefixCoverage else { return nil }
        let lengths = sequence(first: 1) { $0 * 2 }.prefix { $0 < prefixCoverage.count } + [prefixCoverage.count]
        return .array(
            lengths.filter { $0 > 0 }.map {
                .members(["tokens": .integer($0), "coverage": .number(prefixCoverage[$0 - 1])])
            })
    }
}

extension HashFigures {
    /// The figures by name.
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
    /// The figures by name.
    package var json: JSONValue {
        .members([
            "scheme": .string(scheme), "bits_per_value": .number(bitsPerValue),
            "mean_squared_error": .number(meanSquaredError), "relative_error": .number(relativeError),
            "cosine": .number(cosine),
        ])
    }
}

extension VideoInfo {
    /// What a user wants to know of it, by name.
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
    /// The counts by name.
    package var json: JSONValue {
        .members([
            "strategy": .string(strategy.rawValue), "packets_read": .integer(packetsRead),
            "frames_decoded": .integer(framesDecoded), "frames_returned": .integer(framesReturned),
            "decode_errors": .integer(decodeErrors), "seeks": .integer(seeks),
        ])
    }
}
