public import TokenCore
internal import TokenReduction
internal import VideoDecoding
public import VisionEncoding

extension Pipeline {
    /// Where a result would come from and how it would be made, known before any work.
    ///
    /// Two results with equal strings here are the same tokens, so a stored result can stand for a new run.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` if the input can't be read for its digest.
    public func provenance(of input: OpenInput) throws(TokenReelError) -> [String: String] {
        var strings = try provenance()
        strings["source"] = input.name
        strings["sha256"] = try input.digest(cancellation: request.cancellation)
        strings["query"] = queryDescription
        if !input.isGrid { strings.merge(encoderProvenance) { _, fact in fact } }
        let family = if case .grid(let file) = input.content { file.metadata["family"] } else { strings["family"] }
        if family.flatMap(RotaryFacts.Family.init) != nil { strings["position_rule"] = positionRule.rawValue }
        return strings
    }

    /// What is known of a result whatever its input: the method and its settings.
    func provenance() throws(TokenReelError) -> [String: String] {
        var strings = [
            "format": TokenSequence.fileFormat, "version": ProductVersion.current,
            "recipe": try recipeText(), "budget": request.budget.json.text,
        ]
        strings["window"] = window?.json.text
        strings["quantization"] = quantization?.description
        return strings
    }

    /// Which model sees the frames of a video, and which frames.
    var encoderProvenance: [String: String] {
        ["model": encoder.name, "sampling": samplingText].merging(encoder.facts) { _, fact in fact }
    }

    /// Where an unreduced grid comes from, for its metadata.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput``.
    public func gridProvenance(
        of input: OpenInput, _ encoded: EncodedInput
    ) throws(TokenReelError) -> [String: String] {
        var strings = encoded.facts
        strings["source"] = input.name
        strings["sha256"] = try input.digest(cancellation: request.cancellation)
        return strings.merging(encoderProvenance) { _, fact in fact }
    }

    /// Whether a stored result is what this pipeline would make of the input.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` if the input can't be read for its digest.
    public func wouldReproduce(
        _ file: TokenSequenceFile, from input: OpenInput, as dtype: TokenDType
    ) throws(TokenReelError) -> Bool {
        guard file.metadata["sha256"] != nil, file.metadata["quantization"] == quantization?.description,
            quantization != nil || file.dtype == dtype
        else { return false }
        return try provenance(of: input).allSatisfy { file.metadata[$0.key] == $0.value }
            && (queryDescription != nil || file.metadata["query"] == nil)
    }

    /// Names a query by its file, for ``queryDescription``.
    ///
    /// - Parameters:
    ///   - kind: What the file holds, `image` or `embedding`.
    ///   - path: The file.
    /// - Throws: ``TokenReelError/Code/unreadableInput``.
    public static func describeQuery(_ kind: String, path: String) throws(TokenReelError) -> String {
        JSONValue.members([
            kind: .string(InputSource.file(path).name),
            "sha256": .string(try FileReader(path: path).digest(cancellation: nil)),
        ]).text
    }

    /// Names a question by its words and the model that read them, for ``queryDescription``.
    public static func describeQuery(text: String, _ question: TextQuery) -> String {
        JSONValue.members(["text": .string(text), "model": .string(question.model)]).text
    }

    private func recipeText() throws(TokenReelError) -> String {
        let descriptor = try recipes.descriptor(named: method)
        var values: [JSONValue.Member] = []
        for parameter in descriptor.parameters.sorted(by: { $0.name < $1.name }) {
            let value = try parameters[parameter.name].map(parameter.parse) ?? parameter.defaultValue
            values.append(
                JSONValue.Member(
                    key: parameter.name, value: parameter.choice(value).map(JSONValue.string) ?? .number(value)))
        }
        let codebook: JSONValue? = request.codebook.map {
            switch $0 {
            case .auto: .string("auto")
            case .fixed(let size): .integer(size)
            }
        }
        return JSONValue.members([
            "name": .string(method), "parameters": .object(values), "codebook": codebook,
            "as_published": request.asPublished ? .boolean(true) : nil,
            "allow_substitute": request.allowSubstitute ? .boolean(true) : nil,
            "grid_preserving": request.isGridPreserving ? .boolean(true) : nil,
            "compare_streams": comparesStreams ? .boolean(true) : nil,
            "order": request.order == .reading ? nil : .string(request.order.rawValue),
        ]).text
    }

    /// How frames are taken from a video and cut into patches, as JSON.
    package var samplingText: String {
        let (key, value): (String, JSONValue) =
            switch decodeOptions.sampling {
            case .all: ("frames", .string("all"))
            case .rate(let rate): ("fps", .number(rate))
            case .count(let count): ("frames", .integer(count))
            case .keyframes: ("frames", .string("keyframes"))
            case .spread(let spread):
                (
                    "spread",
                    JSONValue.members([
                        "fps": spread.rate.map(JSONValue.number), "frames": spread.count.map(JSONValue.integer),
                        "at_least": .integer(spread.bounds.lowerBound), "at_most": .integer(spread.bounds.upperBound),
                        "multiple": .integer(spread.multiple), "placement": .string(spread.placement.rawValue),
                    ])
                )
            case .times(let times): ("times", .array(times.map(JSONValue.number)))
            }
        return JSONValue.members([
            key: value, "start": decodeOptions.start.map(JSONValue.number),
            "end": decodeOptions.end.map(JSONValue.number), "stream": decodeOptions.stream.map(JSONValue.integer),
            "rows": encoder.fitsVideos ? nil : .integer(encoder.rows),
            "columns": encoder.fitsVideos ? nil : .integer(encoder.columns),
        ]).text
    }
}
