internal import Essentials
internal import Safetensors
internal import Synchronization
internal import TensorOps
public import TokenCore

/// A Hugging Face checkpoint folder: `config.json` and weights in one or several safetensors files.
///
/// The files are mapped, not read: F32 weights are used where they lie, F16 and BF16 ones are widened when a tower asks
/// for them. Only the files that hold wanted weights are opened, so the language model's need not be there.
public final class CheckpointFolder: Sendable {
    /// The folder as it was named.
    public let path: String
    /// `model_type` of `config.json`, such as `siglip`.
    public var modelType: String { configuration.modelType.rawValue }

    let configuration: CheckpointConfiguration
    /// The file that holds each tensor.
    private let files: [String: String]
    /// What was read through this object.
    let fingerprint = Fingerprint()
    private let opened: OpenedFiles

    /// The files that are mapped already.
    private final class OpenedFiles: Sendable {
        let byName = Mutex<[String: SafetensorsFile]>([:])
    }

    /// Opens a folder and reads its configuration and the list of its weights.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` if the folder, its `config.json` or its weights are missing or
    ///   broken, ``TokenReelError/Code/unsupportedInput`` for a `model_type` that is not known.
    public init(_ path: String) throws(TokenReelError) {
        let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        var isFolder = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder else {
            throw TokenReelError(
                .unreadableInput, subject: path, found: "no such folder", allowed: "a checkpoint folder",
                remedy: "name the folder that holds config.json and model.safetensors")
        }
        func holds(_ file: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(file)") }
        self.path = path
        opened = OpenedFiles()
        configuration = try CheckpointConfiguration(folder: path)
        if holds(Self.index) {
            files = try Self.listedFiles(in: path)
        } else if holds(Self.single) {
            let file = try SafetensorsFile(path: "\(path)/\(Self.single)")
            files = file.tensors.mapValues { _ in Self.single }
            opened.byName.withLock { $0[Self.single] = file }
        } else {
            throw TokenReelError(
                .unreadableInput, subject: path, found: "no \(Self.single) and no \(Self.index)",
                allowed: "weights in safetensors files", remedy: "convert other weights with the safetensors package")
        }
    }

    /// The same folder with a fingerprint of its own, for a reader that wants to know what it alone has read.
    init(_ folder: CheckpointFolder) {
        path = folder.path
        configuration = folder.configuration
        files = folder.files
        opened = folder.opened
    }

    /// Says what a tower can't be made of.
    func unsupported(_ found: String, _ allowed: String) -> TokenReelError {
        TokenReelError(.unsupportedInput, subject: path, found: found, allowed: allowed)
    }

    private static let single = "model.safetensors"
    private static let index = "model.safetensors.index.json"

    private struct Index: Decodable {
        let weightMap: [String: String]
    }

    private static func listedFiles(in folder: String) throws(TokenReelError) -> [String: String] {
        let index: Index = try JSONFile.decode(Self.index, in: folder)
        // A name from the file must not lead out of the folder.
        for (tensor, file) in index.weightMap where file.contains("/") || !file.hasSuffix(".safetensors") {
            throw TokenReelError(
                .unreadableInput, subject: "\(folder)/\(Self.index)",
                found: "the file \"\(file)\" for tensor \"\(tensor)\"",
                allowed: "names of .safetensors files in the same folder")
        }
        return index.weightMap
    }

    // MARK: Tensors

    /// What precedes `ending` in the one tensor name that ends with it; nil if there is none.
    ///
    /// Published layouts nest the same tower differently (`vision_model.`, `vision_tower.vision_model.`,
    /// `model.vision_tower.`, nothing), so it is found by a weight that every one of them has once.
    ///
    /// - Throws: ``TokenReelError/Code/unsupportedInput`` if several names end so.
    func prefix(of ending: String) throws(TokenReelError) -> String? {
        let matches = files.keys.filter { $0 == ending || $0.hasSuffix("." + ending) }.sorted()
        guard matches.count <= 1 else {
            throw unsupported(
                "several towers: \(matches.joined(separator: ", "))", "one tensor named \(ending)")
        }
        return matches.first.map { String($0.dropLast(ending.count)) }
    }

    /// Whether a tensor of that name is there.
    func contains(_ tensor: String) -> Bool { files[tensor] != nil }

    /// Sizes of a tensor.
    func shape(of tensor: String) throws(TokenReelError) -> [Int] { try file(of: tensor).entry(tensor).shape }

    /// The numbers of a tensor of a known shape, all finite.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput``, naming file and tensor, for a missing file or tensor, another
    ///   shape, or a weight that is not finite.
    func weights(_ tensor: String, shape: [Int]) throws(TokenReelError) -> TensorBuffer<Float> {
        let file = try file(of: tensor)
        let found = try file.entry(tensor).shape
        let name = "\(path)/\(files[tensor] ?? "")"
        guard found == shape else {
            throw TokenReelError(
                .unreadableInput, subject: name, found: "tensor \"\(tensor)\" of shape \(found)",
                allowed: "\(shape), which config.json asks for")
        }
        let values = try file.floats(tensor)
        guard values.withUnsafeBufferPointer(Rows.areFinite) else {
            throw TokenReelError(
                .unreadableInput, subject: name, found: "a weight of tensor \"\(tensor)\" that is not finite",
                allowed: "finite numbers", remedy: "download or convert the checkpoint again")
        }
        fingerprint.add(tensor, values)
        return values
    }

    private func file(of tensor: String) throws(TokenReelError) -> SafetensorsFile {
        guard let name = files[tensor] else {
            throw TokenReelError(
                .unreadableInput, subject: path, found: "no tensor \"\(tensor)\"",
                allowed: "the weights that config.json describes")
        }
        let full = "\(path)/\(name)"
        let outcome: Result<SafetensorsFile, TokenReelError> = opened.byName.withLock { opened in
            if let file = opened[name] { return .success(file) }
            do throws(TokenReelError) {
                let file = try SafetensorsFile(path: full)
                opened[name] = file
                return .success(file)
            } catch {
                return .failure(error)
            }
        }
        do {
            return try outcome.get()
        } catch {
            guard error.code == .unreadableInput, !FileManager.default.fileExists(atPath: full) else { throw error }
            throw TokenReelError(
                .unreadableInput, subject: full, found: "no such file",
                allowed: "the file that \(Self.index) names for tensor \"\(tensor)\"",
                remedy: "download the rest of the checkpoint")
        }
    }
}
