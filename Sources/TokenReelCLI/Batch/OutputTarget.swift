internal import CLibrary
internal import Essentials
internal import Safetensors
internal import TokenCore
internal import TokenReel

/// Where a result goes.
enum OutputTarget: Sendable, Equatable {
    case standardOutput
    case file(String)

    init(argument: String) { self = argument == "-" ? .standardOutput : .file(argument) }

    /// What to call it in reports.
    var name: String {
        switch self {
        case .standardOutput: "-"
        case .file(let path): path
        }
    }

    /// Refuses a target that would destroy something, before any work is spent on it.
    ///
    /// Files of reduced tokens and token grids are replaced; anything else only with `--overwrite`, and never an input.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument``.
    func check(against inputs: [InputSource], mayOverwrite: Bool) throws(TokenReelError) {
        switch self {
        case .standardOutput:
            guard isatty(STDOUT_FILENO) == 0 else {
                throw TokenReelError(
                    .invalidArgument, subject: "output", found: "a terminal", allowed: "a pipe or a file",
                    remedy: "name a file with -o")
            }
        case .file(let path):
            guard let identity = Self.identity(path) else { return }
            for case .file(let input) in inputs where Self.identity(input) == identity {
                throw TokenReelError(
                    .invalidArgument, subject: path, found: "the output is an input",
                    remedy: "name another file with -o")
            }
            guard mayOverwrite || identity.isReplaceable || OpenInput.isTokenFile(path) else {
                throw TokenReelError(
                    .invalidArgument, subject: path, found: "a file that is not a token file", allowed: "a new name",
                    remedy: "replace it with --overwrite")
            }
        }
    }

    /// Makes the folder of a file, and those above it, where they are missing.
    ///
    /// - Throws: ``TokenReelError/Code/inputOutput``.
    func createFolder() throws(TokenReelError) {
        guard case .file(let path) = self, let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
        let folder = String(path[..<slash])
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw TokenReelError(.inputOutput, subject: folder, found: "the folder can't be made: \(error)")
        }
    }

    /// Writes a file of tokens.
    ///
    /// - Throws: ``TokenReelError/Code/inputOutput``, ``TokenReelError/Code/outputClosed``,
    ///   ``TokenReelError/Code/cancelled``.
    func write(_ file: SafetensorsWriter, cancellation: Cancellation?) throws(TokenReelError) {
        switch self {
        case .standardOutput: try file.write(to: STDOUT_FILENO, cancellation: cancellation)
        case .file(let path): try file.write(to: path, cancellation: cancellation)
        }
    }

    /// Tells what was written; where the tokens themselves go to standard output, that is talk.
    ///
    /// - Throws: ``TokenReelError/Code/outputClosed`` if nobody reads it.
    func tell(_ text: String, _ console: Console) throws(TokenReelError) {
        if self == .standardOutput {
            console.say(text)
        } else if console.verbosity != .quiet {
            try Console.result(text)
        }
    }

    private struct Identity: Equatable {
        let device: dev_t
        let number: ino_t
        /// A device, a pipe, or a file with nothing in it.
        let isReplaceable: Bool
    }

    private static func identity(_ path: String) -> Identity? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        let isFile = status.st_mode & S_IFMT == S_IFREG
        return Identity(device: status.st_dev, number: status.st_ino, isReplaceable: !isFile || status.st_size == 0)
    }
}

/// Names for the outputs of many inputs, all different.
enum OutputNames {
    /// `folder/below/name.safetensors` for an input found at `below/name.mp4`.
    ///
    /// Names that would meet, as those of `a.mp4` and `a.mkv`, get the input's extension too, those that would hit an
    /// input `.reduced`, and if that is not enough a number.
    static func targets(for inputs: [BatchInput], in folder: String?) -> [OutputTarget] {
        let prefix = folder.map { $0.hasSuffix("/") ? $0 : $0 + "/" } ?? ""
        func stem(_ input: BatchInput) -> String {
            guard let dot = input.relativePath.lastIndex(of: "."), dot != input.relativePath.startIndex else {
                return input.relativePath
            }
            return String(input.relativePath[..<dot])
        }
        let inputPaths = Set(
            inputs.compactMap { input in if case .file(let path) = input.source { path } else { nil } })
        let plain = inputs.map { prefix + fileName(stem($0)) }
        var counts: [String: Int] = [:]
        for path in plain { counts[path, default: 0] += 1 }
        var taken = Set<String>()
        return zip(inputs, plain).map { input, path in
            var path = path
            if inputPaths.contains(path) {
                path = prefix + fileName(stem(input) + ".reduced")
            } else if counts[path, default: 0] > 1 {
                path = prefix + fileName(input.relativePath)
            }
            var number = 2
            var candidate = path
            while !taken.insert(candidate).inserted || inputPaths.contains(candidate) {
                candidate = path.dropLast(Self.suffix.count) + "-\(number)" + Self.suffix
                number += 1
            }
            return .file(candidate)
        }
    }

    /// The same names for folders: `folder/below/name`.
    static func folders(for inputs: [BatchInput], in folder: String) -> [String] {
        targets(for: inputs, in: folder).map { String($0.name.dropLast(suffix.count)) }
    }

    private static let suffix = ".safetensors"

    /// An address or a name from a pipe may hold anything; a name from a folder keeps its folders.
    private static func fileName(_ stem: String) -> String {
        let parts = stem.split(separator: "/").filter { ![".", "..", ""].contains($0) && !$0.hasSuffix(":") }
        return (parts.isEmpty || stem == "-" ? "stdin" : parts.joined(separator: "/")) + suffix
    }
}
