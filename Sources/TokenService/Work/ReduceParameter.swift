internal import TokenCore
internal import TokenReduction
internal import TokenReel
internal import VideoDecoding
internal import VisionEncoding

/// One parameter of a reduction: how it reads, and what it changes.
///
/// This table is all there is: requests are understood with it, and the API's description is made from it. Names are
/// those of the command's options.
struct ReduceParameter: Sendable {
    let name: String
    let summary: String
    /// What values it takes, as JSON schema.
    let schema: JSONValue
    /// Parameters of which only one may be given.
    var group: String?
    var isRepeatable = false
    let apply: @Sendable (String, inout ReduceRequest, ServiceConfiguration) throws(TokenReelError) -> Void

    /// Those that choose the encoder first.
    static func all(_ configuration: ServiceConfiguration) -> [ReduceParameter] {
        [
            ReduceParameter(
                name: "model", summary: "What turns frames into tokens.",
                schema: .choice(configuration.models.all.map(\.name))
            ) { text, request, configuration throws(TokenReelError) in
                request = try ReduceRequest(configuration, model: configuration.models.model(named: text))
            },
            ReduceParameter(
                name: "grid", summary: "Token rows and columns of the built-in encoder, such as 14x14.",
                schema: .members(["type": .string("string"), "pattern": .string("^[1-9][0-9]{0,2}x[1-9][0-9]{0,2}$")])
            ) { text, request, configuration throws(TokenReelError) in
                let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
                guard sides.count == 2, let rows = sides[0], let columns = sides[1], request.model.encoder == nil else {
                    throw refusal("grid", text, "ROWSxCOLUMNS, for the built-in encoder")
                }
                let encoder = try DescriptorEncoder(rows: rows, columns: columns)
                request = try ReduceRequest(configuration, model: request.model, encoder: encoder)
            },
            ReduceParameter(
                name: "method", summary: "The method; see /v1/methods.",
                schema: .choice(RecipeRegistry.recipes.map(\.name))
            ) { text, request, _ in request.pipeline.method = text },
            ReduceParameter(
                name: "set", summary: "A parameter of the method, as name=value.",
                schema: .members(["type": .string("string"), "pattern": .string("^[^=]+=")]), isRepeatable: true
            ) { text, request, _ throws(TokenReelError) in
                guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                    throw refusal("set", text, "name=value")
                }
                request.pipeline.parameters[String(text[..<equals])] = String(text[text.index(after: equals)...])
            },
            number("keep", "Keep this share of the tokens; a tenth without it.", group: "budget") {
                $1.pipeline.request.budget = .ratio($0)
            },
            count("tokens", "Keep this many tokens.", group: "budget") { $1.pipeline.request.budget = .tokens($0) },
            count("per-frame", "Keep this many tokens for each frame, shared among the frames.", group: "budget") {
                $1.pipeline.request.budget = .perFrame($0)
            },
            ReduceParameter(
                name: "codebook", summary: "Entries of the codebook, for methods that hash: a number, or auto.",
                schema: .members(["type": .string("string"), "pattern": .string("^([1-9][0-9]{0,8}|auto)$")])
            ) { text, request, _ throws(TokenReelError) in
                request.pipeline.request.codebook = text == "auto" ? .auto : .fixed(try whole("codebook", text))
            },
            flag("as-published", "Follow the published code's rounding and quirks.") {
                $1.pipeline.request.asPublished = $0
            },
            flag("allow-substitute", "Let a method whose signal is missing use its documented substitute.") {
                $1.pipeline.request.allowSubstitute = $0
            },
            ReduceParameter(
                name: "query", summary: "Look for what these words say; needs a model that reads text.",
                schema: .members(["type": .string("string"), "maxLength": .integer(longestQuestion)])
            ) { text, request, _ throws(TokenReelError) in
                guard request.model.text != nil else {
                    throw TokenReelError(
                        .missingSignal, subject: "query", found: "words, and no text tower to read them",
                        allowed: "a token grid that carries a tensor named query",
                        remedy: "choose a model that reads text")
                }
                guard !text.isEmpty, text.count <= longestQuestion else {
                    throw refusal("query", "\(text.count) characters", "1 to \(longestQuestion)")
                }
                request.question = text
            },
            number("fps", "Frames per second to take; one without it.", group: "sampling") {
                $1.pipeline.decodeOptions.sampling = .rate($0)
            },
            ReduceParameter(
                name: "frames", summary: "Take that many frames spread evenly, or all.",
                schema: .members(["type": .string("string"), "pattern": .string("^([1-9][0-9]{0,8}|all)$")]),
                group: "sampling"
            ) { text, request, _ throws(TokenReelError) in
                request.pipeline.decodeOptions.sampling = text == "all" ? .all : .count(try whole("frames", text))
            },
            flag("keyframes", "Take the frames that the container marks as key frames.", group: "sampling") {
                if $0 { $1.pipeline.decodeOptions.sampling = .keyframes }
            },
            number("start", "Seconds at which to begin.", from: 0) { $1.pipeline.decodeOptions.start = $0 },
            number("end", "Seconds at which to end.") { $1.pipeline.decodeOptions.end = $0 },
            count("stream", "Which video stream, counted from 0.", from: 0) { $1.pipeline.decodeOptions.stream = $0 },
            choice("dtype", "How tokens are stored.") { (dtype: TokenDType, request) in request.dtype = dtype },
            ReduceParameter(
                name: "quantize", summary: "Store the tokens in fewer bits, such as tokenbridge:6; see /v1/methods.",
                schema: .members(["type": .string("string")])
            ) { text, request, _ throws(TokenReelError) in
                request.pipeline.quantization = try TokenQuantization(text)
            },
            choice("order", "How tokens are ordered; any prefix of the second is a summary.") {
                (order: TokenOrder, request) in request.pipeline.request.order = order
            },
            ReduceParameter(
                name: "source-name", summary: "The name to write into the file as its source.",
                schema: .members(["type": .string("string"), "maxLength": .integer(longestName)])
            ) { text, request, _ throws(TokenReelError) in
                guard text.count <= longestName else {
                    throw refusal("source-name", "\(text.count) characters", "up to \(longestName)")
                }
                request.sourceName = text
            },
            count("max-pixels", "Pixels of one picture; lowers the service's limit.") {
                lower(&$1.pipeline.decodeOptions.limits.pixelsPerFrame, to: $0)
            },
            count("max-frames", "Frames taken; lowers the service's limit.") {
                lower(&$1.pipeline.decodeOptions.limits.sampledFrames, to: $0)
            },
            count("max-bytes", "Bytes of the upload; lowers the service's limit.") {
                lower(&$1.pipeline.decodeOptions.limits.inputBytes, to: $0)
            },
            count("max-grid-bytes", "Bytes of the token grid; lowers the service's limit.") {
                lower(&$1.pipeline.decodeOptions.limits.gridBytes, to: $0)
            },
            number("max-seconds", "Seconds of work; lowers the service's limit.") {
                lower(&$1.pipeline.decodeOptions.limits.seconds, to: $0)
            },
        ]
    }

    private static let longestQuestion = 1000
    private static let longestName = 200

    // MARK: Kinds of values

    private static func lower<Value: Comparable>(_ limit: inout Value, to value: Value) { limit = min(limit, value) }

    private static func refusal(_ name: String, _ found: String, _ allowed: String) -> TokenReelError {
        TokenReelError(.invalidArgument, subject: name, found: "\"\(found)\"", allowed: allowed)
    }

    private static func whole(_ name: String, _ text: String, from least: Int = 1) throws(TokenReelError) -> Int {
        guard let value = Int(text), least...Int(Int32.max) ~= value else {
            throw refusal(name, text, "a whole number, \(least) or more")
        }
        return value
    }

    private static func count(
        _ name: String, _ summary: String, from least: Int = 1, group: String? = nil,
        _ set: @escaping @Sendable (Int, inout ReduceRequest) -> Void
    ) -> ReduceParameter {
        ReduceParameter(
            name: name, summary: summary,
            schema: .members([
                "type": .string("integer"), "minimum": .integer(least), "maximum": .integer(Int(Int32.max)),
            ]), group: group
        ) { text, request, _ throws(TokenReelError) in set(try whole(name, text, from: least), &request) }
    }

    /// A number above 0, or from 0 on.
    private static func number(
        _ name: String, _ summary: String, from least: Double? = nil, group: String? = nil,
        _ set: @escaping @Sendable (Double, inout ReduceRequest) -> Void
    ) -> ReduceParameter {
        let bound = JSONValue.number(0)
        return ReduceParameter(
            name: name, summary: summary,
            schema: .members([
                "type": .string("number"), "exclusiveMinimum": least == nil ? bound : nil,
                "minimum": least == nil ? nil : bound, "maximum": .number(largestNumber),
            ]), group: group
        ) { text, request, _ throws(TokenReelError) in
            guard let value = Double(text), value <= largestNumber, least == nil ? value > 0 : value >= 0 else {
                throw refusal(name, text, "a number \(least == nil ? "above 0" : "from 0 on")")
            }
            set(value, &request)
        }
    }

    private static let largestNumber = 1e9

    private static func flag(
        _ name: String, _ summary: String, group: String? = nil,
        _ set: @escaping @Sendable (Bool, inout ReduceRequest) -> Void
    ) -> ReduceParameter {
        ReduceParameter(
            name: name, summary: summary, schema: .members(["type": .string("boolean")]), group: group
        ) { text, request, _ throws(TokenReelError) in
            guard let value = Bool(text) else { throw refusal(name, text, "true or false") }
            set(value, &request)
        }
    }

    private static func choice<Choice: RawRepresentable & CaseIterable & Sendable>(
        _ name: String, _ summary: String, _ set: @escaping @Sendable (Choice, inout ReduceRequest) -> Void
    ) -> ReduceParameter where Choice.RawValue == String {
        let names = Choice.allCases.map(\.rawValue)
        return ReduceParameter(name: name, summary: summary, schema: .choice(names)) {
            text, request, _ throws(TokenReelError) in
            guard let choice = Choice(rawValue: text) else {
                throw refusal(name, text, names.joined(separator: ", "))
            }
            set(choice, &request)
        }
    }
}

extension JSONValue {
    /// The schema of one of several words.
    static func choice(_ words: [String]) -> JSONValue {
        .members(["type": .string("string"), "enum": .array(words.map(JSONValue.string))])
    }
}
