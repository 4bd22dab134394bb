package import TokenCore

/// Settings as programs in other languages give them: a JSON object with the command's long options, `_` for `-`.
package struct PipelineOptions: Sendable {
    enum Key: String, CaseIterable, Sendable {
        case model, layer, space, saliency, precision, grid
        case leastPixels = "least_pixels"
        case mostPixels = "most_pixels"
        case queryModel = "query_model"
        case method, set, keep, tokens, codebook, order, quantize, positions
        case perFrame = "per_frame"
        case gridPreserving = "grid_preserving"
        case compareStreams = "compare_streams"
        case query
        case queryImage = "query_image"
        case queryEmbedding = "query_embedding"
        case asPublished = "as_published"
        case allowSubstitute = "allow_substitute"
        case fps, frames, keyframes, start, end, stream
        case sourceName = "source_name"
        case measure
        case window
        case maxLatency = "max_latency"
        case threads
        case maxPixels = "max_pixels"
        case maxFrames = "max_frames"
        case maxBytes = "max_bytes"
        case maxGridBytes = "max_grid_bytes"
        case maxSeconds = "max_seconds"
    }

    /// What decides which model is read.
    static let modelKeys: Set<Key> = [
        .model, .queryModel, .layer, .space, .saliency, .precision, .leastPixels, .mostPixels, .grid,
    ]
    /// Options of which one takes the place of another.
    private static let alternatives: [Set<Key>] = [
        [.keep, .tokens, .perFrame], [.fps, .frames, .keyframes], [.query, .queryImage, .queryEmbedding],
    ]

    private(set) var values: [Key: OptionValue] = [:]

    /// No options.
    package init() {}

    /// Reads an object; what an option stands for is checked when it is used.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for text that is no JSON object, an unknown option, one that
    ///   comes twice, and two that exclude each other.
    package init(json: String) throws(TokenReelError) {
        func invalid(_ found: String, _ allowed: String) -> TokenReelError {
            TokenReelError(.invalidArgument, subject: "options", found: found, allowed: allowed)
        }
        let tree: JSONTree
        do {
            tree = try JSONTree(parsing: Array(json.utf8), file: "options")
        } catch {
            throw invalid(error.found, "a JSON object")
        }
        guard case .object(let members) = tree else { throw invalid(tree.summary, "a JSON object") }
        if let key = tree.repeatedKey { throw invalid("\"\(key)\" twice", "each option once") }
        for (name, value) in members {
            guard let key = Key(rawValue: name) else {
                throw invalid("\"\(name)\"", Key.allCases.map(\.rawValue).sorted().joined(separator: ", "))
            }
            values[key] = OptionValue(name: name, tree: value)
        }
        for group in Self.alternatives {
            let given = group.filter { values[$0]?.isSet == true }.map(\.rawValue).sorted()
            guard given.count <= 1 else { throw invalid(given.joined(separator: " and "), "only one of them") }
        }
    }

    /// These options, with those of one call above them.
    ///
    /// A budget takes the place of any other budget, and another method that of the settings made for the first.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` if the call names another model.
    func overridden(by call: PipelineOptions) throws(TokenReelError) -> PipelineOptions {
        if let key = call.values.keys.filter(Self.modelKeys.contains).map(\.rawValue).min() {
            throw TokenReelError(
                .invalidArgument, subject: "option \(key)", found: "another model than the one that is open",
                remedy: "open one with it")
        }
        var options = self
        for key in call.values.keys {
            for other in Self.alternatives.first(where: { $0.contains(key) }) ?? [] { options.values[other] = nil }
        }
        if call.values[.method] != nil { options.values[.set] = nil }
        options.values.merge(call.values) { _, new in new }
        return options
    }

    /// The value of an option; nil if it is not given, or null.
    subscript(key: Key) -> OptionValue? {
        guard let value = values[key], value.isSet else { return nil }
        return value
    }

    /// The name to write into files as the source.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` if it is no text.
    package func sourceName() throws(TokenReelError) -> String? { try self[.sourceName]?.text() }

    /// The most that one input may cost.
    package func limits() throws(TokenReelError) -> Limits {
        var limits = Limits()
        if let value = self[.maxPixels] { limits.pixelsPerFrame = try value.count() }
        if let value = self[.maxFrames] { limits.sampledFrames = try value.count() }
        if let value = self[.maxBytes] { limits.inputBytes = try value.count() }
        if let value = self[.maxGridBytes] { limits.gridBytes = try value.count() }
        if let value = self[.maxSeconds] {
            limits.seconds = try value.number()
            guard limits.seconds > 0 else { throw value.invalid("a number above 0") }
        }
        return limits
    }
}

/// The value of one option, which knows its name for errors.
struct OptionValue: Sendable {
    let name: String
    let tree: JSONTree

    var isSet: Bool { !tree.isNull }

    func invalid(_ allowed: String) -> TokenReelError {
        TokenReelError(.invalidArgument, subject: "option \(name)", found: tree.summary, allowed: allowed)
    }

    func text() throws(TokenReelError) -> String {
        guard let text = tree.string else { throw invalid("text") }
        return text
    }

    func flag() throws(TokenReelError) -> Bool {
        guard case .boolean(let flag) = tree else { throw invalid("true or false") }
        return flag
    }

    func number() throws(TokenReelError) -> Double {
        guard let number = tree.double else { throw invalid("a number") }
        return number
    }

    func integer() throws(TokenReelError) -> Int {
        guard case .integer(let value) = tree else { throw invalid("a whole number") }
        return value
    }

    func count() throws(TokenReelError) -> Int {
        guard case .integer(let value) = tree, value >= 1 else { throw invalid("a whole number of 1 or more") }
        return value
    }

    func choice<Choice: RawRepresentable<String> & CaseIterable>(of type: Choice.Type) throws(TokenReelError) -> Choice
    {
        guard let choice = tree.string.flatMap(Choice.init(rawValue:)) else {
            throw invalid(Choice.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return choice
    }

    /// A count, or nil for the word that stands for as many as there are.
    func count(or word: String) throws(TokenReelError) -> Int? {
        if tree.string == word { return nil }
        guard case .integer(let value) = tree, value >= 1 else {
            throw invalid("a whole number of 1 or more, or \"\(word)\"")
        }
        return value
    }

    /// Two counts, such as `[14, 14]`.
    func pair() throws(TokenReelError) -> (Int, Int) {
        guard case .array(let sides) = tree, sides.count == 2, let first = sides[0].integer,
            let second = sides[1].integer
        else { throw invalid("[rows, columns]") }
        return (first, second)
    }

    /// Texts and numbers by name, as a user would have typed them.
    func settings() throws(TokenReelError) -> [String: String] {
        guard case .object(let members) = tree else { throw invalid("an object of names and values") }
        var settings: [String: String] = [:]
        for (key, value) in members {
            switch value {
            case .string(let text): settings[key] = text
            case .integer(let number): settings[key] = String(number)
            case .number(let number): settings[key] = "\(number)"
            default: throw invalid("an object of names and numbers or texts")
            }
        }
        return settings
    }
}
