internal import ArgumentParser
internal import TokenCore
internal import TokenReduction
internal import TokenReel
internal import VideoDecoding

/// `tokenreel inspect`.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Tell what a file of reduced tokens or a token grid holds, check it, and show it over its video.",
        discussion: "Exits with 3 if the file is damaged or contradicts itself.")

    @Argument(help: "The file.")
    var file: String

    @Option(help: ArgumentHelp("The video that the tokens were made from, to draw on.", valueName: "video"))
    var source: String?

    @Option(help: ArgumentHelp("Write a page that shows what became of every patch.", valueName: "file.html"))
    var report: String?

    @Option(help: ArgumentHelp("Write a picture of the frames with their patches.", valueName: "file.png"))
    var map: String?

    @Option(
        help: ArgumentHelp("Write the video with the patches drawn over it; needs --source.", valueName: "file.mp4"))
    var overlay: String?

    @Option(help: "Frames on a page or picture at most, spread evenly. (default: 240 on a page, 60 on a picture)")
    var frames: Int?

    @Flag(help: "Replace files that are there.")
    var overwrite = false

    @Flag(help: "Report as JSON on standard output.")
    var json = false

    @OptionGroup(title: "Limits") var limits: LimitOptions
    @OptionGroup(title: "Talk") var talk: TalkOptions

    mutating func validate() throws {
        guard overlay == nil || source != nil else {
            throw ValidationError("--overlay needs the video; name it with --source.")
        }
        guard source == nil || [report, map, overlay].contains(where: { $0 != nil }) else {
            throw ValidationError("--source is drawn on by --report, --map and --overlay; name one of them.")
        }
        if let frames, frames < 1 { throw ValidationError("--frames must be 1 or more, not \(frames).") }
    }

    func run() throws {
        let console = talk.console
        try console.ending { () throws(TokenReelError) in
            for path in [report, map, overlay].compactMap(\.self) {
                let inputs = [InputSource.file(file)] + (source.map { [InputSource(argument: $0)] } ?? [])
                try OutputTarget.file(path).check(against: inputs, mayOverwrite: overwrite)
            }
            let opened = try TokenFile.open(file)
            try draw(opened, console)
            if json {
                try Console.result(JSONValue.report(opened.facts).text)
            } else if console.verbosity != .quiet {
                try Console.result(Self.text(opened.facts.members))
            }
            return .success
        }
    }

    private func draw(_ opened: TokenFile, _ console: Console) throws(TokenReelError) {
        guard [report, map, overlay].contains(where: { $0 != nil }) else { return }
        guard case .sequence(let tokens) = opened else {
            throw TokenReelError(
                .unsupportedInput, subject: file, found: "a token grid, unreduced", allowed: "a file of reduced tokens")
        }
        var pictures: SourcePictures?
        if let source {
            let cancellation = Interruption.cancellation
            let video = try OpenInput(InputSource(argument: source), limits: limits.limits, cancellation: cancellation)
            pictures = try SourcePictures(of: tokens, in: video, limits: limits.limits, cancellation: cancellation)
        }
        for notice in pictures?.notices ?? [] { console.say("note: \(Console.printable(notice))") }
        if let report {
            let shown = tokens.frames(atMost: frames ?? 240)
            let title = ([InputSource.file(file)] + (source.map { [InputSource(argument: $0)] } ?? [])).map(\.name)
                .joined(separator: " over ")
            try OutputFile.write(tokens.page(title: title, frames: shown, pictures: pictures), to: report)
        }
        if let map {
            let sheet = try tokens.contactSheet(of: tokens.frames(atMost: frames ?? 60), on: pictures)
            try OutputFile.write(sheet.encoded(as: .png), to: map)
        }
        if let overlay, let pictures { try tokens.writeOverlay(on: pictures, to: overlay) }
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

    var facts: JSONValue {
        switch self {
        case .sequence(let file): Self.facts(of: file)
        case .grid(let file): Self.facts(of: file)
        }
    }

    private static func facts(of file: TokenSequenceFile) -> JSONValue {
        let sequence = file.sequence
        let owned = sequence.plan.owners.count { $0 >= 0 }
        let sources = sequence.plan.sourceCount
        return .members([
            "kind": .string("tokens"), "tokens": .integer(sequence.count),
            "channels": .integer(sequence.shape.channels), "dtype": .string(file.dtype.rawValue),
            "source_tokens": .integer(sources),
            "ratio": .number(sources == 0 ? 0 : Double(sequence.count) / Double(sources)),
            "represented": .number(sources == 0 ? 0 : Double(owned) / Double(sources)),
            "disjoint": .boolean(sequence.plan.isDisjoint), "grid": sequence.shape.json,
            "first_time": sequence.frameTimes.first.map(JSONValue.number) ?? .null,
            "last_time": sequence.frameTimes.last.map(JSONValue.number) ?? .null,
            "segments": .integer(sequence.segments.count),
            "largest_size": .integer(Int(sequence.plan.sizes.max() ?? 0)),
            "codebook": sequence.codebook == nil ? .null : .integer(sequence.codebookSize),
            "hash": sequence.codebook.map { codebook in
                HashFigures(
                    codes: sequence.codes ?? [], codebook: codebook, levels: sequence.levels,
                    shape: sequence.shape, frameTimes: sequence.frameTimes
                ).json
            },
            "quantization": sequence.quantized.map { .string($0.quantization.description) },
            "bits_per_value": sequence.quantized.map { .number($0.bitsPerValue) },
            "order": .string((sequence.isRanked ? TokenOrder.prefix : .reading).rawValue),
            "relevance": .boolean(sequence.relevance != nil), "metadata": .metadata(file.metadata),
        ])
    }

    private static func facts(of file: TokenGridFile) -> JSONValue {
        let grid = file.grid
        return .members([
            "kind": .string("grid"), "tokens": .integer(grid.shape.tokenCount),
            "grid": grid.shape.json,
            "first_time": grid.frameTimes.first.map(JSONValue.number) ?? .null,
            "last_time": grid.frameTimes.last.map(JSONValue.number) ?? .null,
            "saliency": .boolean(grid.saliency != nil), "frame_features": .boolean(grid.frameFeatures != nil),
            "query": file.query.map { .integer($0.count) } ?? .null,
            "finite": .boolean(
                grid.values.withUnsafeBufferPointer { $0.allSatisfy(\.isFinite) }),
            "metadata": .metadata(file.metadata),
        ])
    }
}
