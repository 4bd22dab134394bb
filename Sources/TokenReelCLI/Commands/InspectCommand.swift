internal import ArgumentParser
internal import TokenCore
internal import TokenReduction
internal import TokenReel

/// `tokenreel inspect`.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Tell what a file of reduced tokens or a token grid holds, and check it.",
        discussion: "Exits with 3 if the file is damaged or contradicts itself.")

    @Argument(help: "The file.")
    var file: String

    @Flag(help: "Report as JSON on standard output.")
    var json = false

    func run() throws {
        try Console(verbosity: .normal).ending { () throws(TokenReelError) in
            let facts = try TokenFile.open(file).facts
            if json {
                try Console.result(JSONValue.object(ReduceJSON.header + facts).text)
            } else {
                try Console.result(Self.text(facts))
            }
            return .success
        }
    }

    /// Names and values in two columns; what is inside an object is indented.
    private static func text(_ members: [JSONValue.Member], indent: String = "") -> String {
        let members = members.map { JSONValue.Member(key: Console.printable($0.key), value: $0.value) }
        let width = (members.map(\.key.count).max() ?? 0) + 2
        return members.map { member in
            let label = indent + member.key + String(repeating: " ", count: width - member.key.count)
            return switch member.value {
            case .object(let inner): "\(indent)\(member.key)\n\(text(inner, indent: indent + "  "))"
            case .string(let text): label + Console.printable(text)
            case .null: label + "-"
            case let value: label + value.text
            }
        }.joined(separator: "\n")
    }
}

/// What `inspect` can open.
private enum TokenFile {
    case sequence(TokenSequenceFile)
    case grid(TokenGridFile)

    static func open(_ path: String) throws(TokenReelError) -> TokenFile {
        do {
            return .sequence(try TokenSequenceFile(path: path))
        } catch {
            // Another format may be a grid; a damaged file is reported as what it claims to be.
            guard error.code == .unsupportedInput, error.found.hasPrefix("format") else { throw error }
        }
        return .grid(try TokenGridFile(path: path))
    }

    var facts: [JSONValue.Member] {
        switch self {
        case .sequence(let file): Self.facts(of: file)
        case .grid(let file): Self.facts(of: file)
        }
    }

    private static func facts(of file: TokenSequenceFile) -> [JSONValue.Member] {
        let sequence = file.sequence
        let owned = sequence.plan.owners.count { $0 >= 0 }
        let sources = sequence.plan.sourceCount
        return ReduceJSON.object(
            .members([
                "kind": .string("tokens"), "tokens": .integer(sequence.count),
                "channels": .integer(sequence.shape.channels), "dtype": .string(file.dtype.rawValue),
                "source_tokens": .integer(sources),
                "ratio": .number(sources == 0 ? 0 : Double(sequence.count) / Double(sources)),
                "represented": .number(sources == 0 ? 0 : Double(owned) / Double(sources)),
                "disjoint": .boolean(sequence.plan.isDisjoint), "grid": ReduceJSON.describe(sequence.shape),
                "first_time": sequence.frameTimes.first.map(JSONValue.number) ?? .null,
                "last_time": sequence.frameTimes.last.map(JSONValue.number) ?? .null,
                "segments": .integer(sequence.segments.count),
                "largest_size": .integer(Int(sequence.plan.sizes.max() ?? 0)),
                "codebook": sequence.codebook == nil ? .null : .integer(sequence.codebookSize),
                "hash": sequence.codebook.map { codebook in
                    ReduceJSON.describe(
                        HashFigures(
                            codes: sequence.codes ?? [], codebook: codebook, levels: sequence.levels,
                            shape: sequence.shape, frameTimes: sequence.frameTimes))
                },
                "quantization": sequence.quantized.map { .string($0.quantization.description) },
                "bits_per_value": sequence.quantized.map { .number($0.bitsPerValue) },
                "order": .string((sequence.isRanked ? TokenOrder.prefix : .reading).rawValue),
                "relevance": .boolean(sequence.relevance != nil), "metadata": describe(file.metadata),
            ]))
    }

    private static func facts(of file: TokenGridFile) -> [JSONValue.Member] {
        let grid = file.grid
        return ReduceJSON.object(
            .members([
                "kind": .string("grid"), "tokens": .integer(grid.shape.tokenCount),
                "grid": ReduceJSON.describe(grid.shape),
                "first_time": grid.frameTimes.first.map(JSONValue.number) ?? .null,
                "last_time": grid.frameTimes.last.map(JSONValue.number) ?? .null,
                "saliency": .boolean(grid.saliency != nil), "frame_features": .boolean(grid.frameFeatures != nil),
                "query": file.query.map { .integer($0.count) } ?? .null,
                "finite": .boolean(
                    grid.values.withUnsafeBufferPointer { $0.allSatisfy(\.isFinite) }),
                "metadata": describe(file.metadata),
            ]))
    }

    private static func describe(_ metadata: [String: String]) -> JSONValue {
        .object(
            metadata.sorted { $0.key < $1.key }.map { JSONValue.Member(key: $0.key, value: .string($0.value)) })
    }
}
