public import TokenCore
internal import TokenReel
public import VisionEncoding

/// What turns frames into tokens, by the names that clients ask for it; loaded once and shared by all requests.
public struct ServiceModels: Sendable {
    /// The name of the built-in encoder.
    public static let builtIn = "built-in"

    /// A checkpoint, ready to use.
    struct Model: Sendable {
        let name: String
        /// Nil for the built-in encoder, which is made for the grid that a request asks for.
        let encoder: (any FrameEncoder)?
        let tower: VisionTower?
        /// Reads questions; nil if there is no text tower.
        let text: TextModel?
    }
    private(set) var all: [Model]

    /// The built-in encoder alone.
    public init() { all = [Model(name: Self.builtIn, encoder: nil, tower: nil, text: nil)] }

    /// Loads a checkpoint; the first one becomes the default.
    ///
    /// - Parameters:
    ///   - name: What clients call it.
    ///   - path: A folder as ``CheckpointFolder`` reads it.
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for a name that is taken, and what ``VisionTower`` throws.
    public mutating func load(_ name: String, path: String, precision: Precision) throws(TokenReelError) {
        guard !name.isEmpty, !all.contains(where: { $0.name == name }) else {
            throw TokenReelError(
                .invalidArgument, subject: "--model", found: "the name \"\(name)\" twice, or none",
                remedy: "choose another with --model name=folder")
        }
        var options = VisionTowerOptions()
        options.precision = precision
        let folder = try CheckpointFolder(path)
        let tower = try VisionTower(folder, options: options)
        // Not every checkpoint reads text.
        let model = Model(name: name, encoder: tower, tower: tower, text: try? TextModel(folder))
        all.insert(model, at: all.count - 1)
    }

    /// Lets a checkpoint with a text tower read questions for all models that can't themselves.
    ///
    /// - Throws: What ``PairedEncoder`` and ``TextModel`` throw.
    public mutating func pair(path: String, precision: Precision) throws(TokenReelError) {
        let folder = try CheckpointFolder(path)
        let text = try TextModel(folder)
        all = try all.map { model throws(TokenReelError) in
            guard model.text == nil else { return model }
            let own = if let encoder = model.encoder { encoder } else { try DescriptorEncoder() as any FrameEncoder }
            let encoder = try PairedEncoder(own, patchesFrom: folder, precision: precision)
            return Model(name: model.name, encoder: encoder, tower: model.tower, text: text)
        }
    }

    /// The model of a name; the default for nil.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument``.
    func model(named name: String?) throws(TokenReelError) -> Model {
        guard let model = name == nil ? all.first : all.first(where: { $0.name == name }) else {
            throw TokenReelError(
                .invalidArgument, subject: "model", found: "\"\(name ?? "")\"",
                allowed: all.map(\.name).joined(separator: ", "))
        }
        return model
    }
}
