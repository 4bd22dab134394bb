public import TokenCore

extension PreprocessorSettings {
    /// Reads the settings for video frames from a checkpoint folder.
    ///
    /// The first of these counts, as in transformers 5: `video_processor` in `processor_config.json`,
    /// `video_preprocessor_config.json`, `video_processor/preprocessor_config.json`, `image_processor` in
    /// `processor_config.json`, `preprocessor_config.json`. Keys that a file leaves out have the default of the class
    /// that it names: CLIP, SigLIP or LLaVA-OneVision.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` or ``TokenReelError/Code/unsupportedInput``, naming file and
    ///   key.
    public init(folder: String) throws(TokenReelError) {
        self = try PreprocessorFile(folder: folder).settings()
    }
}

/// One of the files, or a part of one, that say how to prepare pictures.
struct PreprocessorFile {
    let path: String
    let tree: JSONTree

    /// Sizes beyond this are no vision tower's, and would let a small file ask for gigabytes.
    private static let largestEdge = 8192

    static let clipMean = [0.48145466, 0.4578275, 0.40821073]
    static let clipStd = [0.26862954, 0.26130258, 0.27577711]

    private init(path: String, tree: JSONTree) {
        self.path = path
        self.tree = tree
    }

    /// The one that counts for video frames; see ``PreprocessorSettings/init(folder:)``.
    init(folder: String) throws(TokenReelError) {
        let joint = try ModelFile("processor_config.json", in: folder)
        let jointTree = try joint?.json()
        func nested(_ key: StaticString) -> PreprocessorFile? {
            guard let joint, case .object? = jointTree?[key], let tree = jointTree?[key] else { return nil }
            return PreprocessorFile(path: "\(joint.path), \(key)", tree: tree)
        }
        func single(_ name: String) throws(TokenReelError) -> PreprocessorFile? {
            guard let file = try ModelFile(name, in: folder) else { return nil }
            return PreprocessorFile(path: file.path, tree: try file.json())
        }
        var source = nested("video_processor")
        if source == nil { source = try single("video_preprocessor_config.json") }
        if source == nil { source = try single("video_processor/preprocessor_config.json") }
        if source == nil { source = nested("image_processor") }
        if source == nil { source = try single("preprocessor_config.json") }
        guard let source else {
            throw TokenReelError(
                .unreadableInput, subject: folder, found: "no settings for preprocessing",
                allowed: "preprocessor_config.json, video_preprocessor_config.json or processor_config.json",
                remedy: "name the folder of a Hugging Face checkpoint")
        }
        self = source
        guard case .object = tree else { throw refusal("settings", tree, allowed: "an object") }
    }

    func settings() throws(TokenReelError) -> PreprocessorSettings {
        let defaults = try classDefaults()
        var settings = PreprocessorSettings(size: .unchanged)
        if try boolean("do_resize") ?? true {
            settings.size = try size(default: defaults?.size)
            settings.filter = try filter()
        }
        if try boolean("do_center_crop") ?? (defaults?.crop != nil) {
            settings.crop = try crop(default: defaults?.crop)
        }
        try readRange(into: &settings, default: defaults)
        return settings
    }

    /// The range of numbers that a tower reads.
    func readRange(
        into settings: inout PreprocessorSettings, default defaults: PreprocessorSettings?
    ) throws(TokenReelError) {
        settings.rescaleFactor = try boolean("do_rescale") ?? true ? try rescaleFactor() : nil
        if try boolean("do_normalize") ?? true {
            settings.mean = try triple("image_mean", default: defaults?.mean, allowed: "3 numbers") { _ in true }
            settings.std = try triple("image_std", default: defaults?.std, allowed: "3 numbers above 0") { $0 > 0 }
        }
    }

    /// What the class named in the file has for keys that are absent; nil if the file names none that is known.
    private func classDefaults() throws(TokenReelError) -> PreprocessorSettings? {
        let keys: [StaticString] = ["video_processor_type", "image_processor_type", "feature_extractor_type"]
        let key = keys.first { tree[$0]?.string != nil }
        guard let key, let name = tree[key]?.string else { return nil }
        if name.hasPrefix("Siglip2") {
            throw refusal(
                key, tree[key], allowed: "fixed resolutions, such as SiglipImageProcessor", code: .unsupportedInput)
        }
        if name.hasPrefix("CLIP") {
            let crop = PreprocessorSettings.Area(width: 224, height: 224)
            return PreprocessorSettings(size: .shortestEdge(224), crop: crop, mean: Self.clipMean, std: Self.clipStd)
        }
        if name.hasPrefix("Siglip") {
            let half = [0.5, 0.5, 0.5]
            return PreprocessorSettings(size: .exact(width: 224, height: 224), mean: half, std: half)
        }
        if name.hasPrefix("LlavaOnevision") {
            return PreprocessorSettings(
                size: .exact(width: 384, height: 384), mean: Self.clipMean, std: Self.clipStd)
        }
        return nil
    }

    // MARK: Keys

    private func size(default standard: PreprocessorSettings.Size?) throws(TokenReelError) -> PreprocessorSettings.Size
    {
        let value = try present("size", hasDefault: standard != nil)
        guard let value else { return standard ?? .unchanged }
        if let area = try area("size", value) { return .exact(width: area.width, height: area.height) }
        // Files of transformers before 4.20 write the shortest edge as a plain number.
        if value.double != nil { return .shortestEdge(try edge("size", value)) }
        if let shortest = value["shortest_edge"], value["longest_edge"] == nil {
            return .shortestEdge(try edge("size", shortest))
        }
        throw refusal(
            "size", value, allowed: "height and width, or shortest_edge alone: one size for every frame",
            code: .unsupportedInput)
    }

    private func crop(default standard: PreprocessorSettings.Area?) throws(TokenReelError) -> PreprocessorSettings.Area?
    {
        guard let value = try present("crop_size", hasDefault: standard != nil) else { return standard }
        if let area = try area("crop_size", value) { return area }
        let edge = try edge("crop_size", value)
        return PreprocessorSettings.Area(width: edge, height: edge)
    }

    func filter() throws(TokenReelError) -> PreprocessorSettings.Filter {
        guard let value = tree["resample"], !value.isNull else { return .bicubic }
        switch value.integer {
        case 2: return .bilinear
        case 3: return .bicubic
        default:
            throw refusal("resample", value, allowed: "2 (bilinear) or 3 (bicubic)", code: .unsupportedInput)
        }
    }

    private func rescaleFactor() throws(TokenReelError) -> Double {
        guard let value = tree["rescale_factor"], !value.isNull else { return 1 / 255.0 }
        guard let factor = value.double, factor > 0 else {
            throw refusal("rescale_factor", value, allowed: "a number above 0")
        }
        return factor
    }

    // MARK: Kinds of values

    /// The value of a key that must be there unless its class has a default.
    private func present(_ key: StaticString, hasDefault: Bool) throws(TokenReelError) -> JSONTree? {
        if let value = tree[key], !value.isNull { return value }
        guard hasDefault else { throw refusal(key, nil, allowed: "a value, or a processor type that has a default") }
        return nil
    }

    func boolean(_ key: StaticString) throws(TokenReelError) -> Bool? {
        guard let value = tree[key], !value.isNull else { return nil }
        guard case .boolean(let flag) = value else { throw refusal(key, value, allowed: "true or false") }
        return flag
    }

    /// A whole number of 1 or more, or what counts where it is absent.
    func count(_ key: StaticString, default standard: Int) throws(TokenReelError) -> Int {
        guard let value = tree[key], !value.isNull else { return standard }
        return try count(key, value)
    }

    func count(_ key: StaticString, _ value: JSONTree) throws(TokenReelError) -> Int {
        guard let count = value.integer, 1...Int(Int32.max) ~= count else {
            throw refusal(key, value, allowed: "1 to \(Int32.max)")
        }
        return count
    }

    /// Height and width, as an object or an array; nil for other forms.
    private func area(_ key: StaticString, _ value: JSONTree) throws(TokenReelError) -> PreprocessorSettings.Area? {
        if let height = value["height"], let width = value["width"] {
            return .init(width: try edge(key, width), height: try edge(key, height))
        }
        guard case .array(let edges) = value, edges.count == 2 else { return nil }
        return .init(width: try edge(key, edges[1]), height: try edge(key, edges[0]))
    }

    private func edge(_ key: StaticString, _ value: JSONTree) throws(TokenReelError) -> Int {
        guard let edge = value.integer, (1...Self.largestEdge).contains(edge) else {
            throw refusal(key, value, allowed: "1 to \(Self.largestEdge) pixels")
        }
        return edge
    }

    /// One number for each colour; a single number counts for all three.
    private func triple(
        _ key: StaticString, default standard: [Double]?, allowed: String, _ isAllowed: (Double) -> Bool
    ) throws(TokenReelError) -> [Double]? {
        guard let value = try present(key, hasDefault: standard != nil) else { return standard }
        let elements: [JSONTree] = if case .array(let elements) = value { elements } else { [value, value, value] }
        let numbers = elements.compactMap { element -> Double? in
            element.double.flatMap { isAllowed($0) ? $0 : nil }
        }
        guard numbers.count == 3, elements.count == 3 else {
            throw refusal(key, value, allowed: allowed)
        }
        return numbers
    }

    func refusal(
        _ key: StaticString, _ value: JSONTree?, allowed: String, code: TokenReelError.Code = .unreadableInput
    ) -> TokenReelError {
        TokenReelError(code, subject: "\(path), \(key)", found: value?.summary ?? "nothing", allowed: allowed)
    }
}
