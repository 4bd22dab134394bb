internal import Essentials
internal import TokenCore
internal import TokenReel
internal import VideoDecoding

/// One input of a batch.
struct BatchInput: Sendable {
    let source: InputSource
    /// The path below the folder it was found in, or its name: what an output is named after.
    let relativePath: String

    init(source: InputSource, relativePath: String) {
        self.source = source
        self.relativePath = relativePath
    }

    /// An input named on its own: of an address only the last part makes a file name.
    init(source: InputSource) {
        let path = source.name.prefix { !["?", "#"].contains($0) || !source.isAddress }
        self.init(source: source, relativePath: path.split(separator: "/").last.map(String.init) ?? source.name)
    }
}

/// The inputs that the arguments name, folders replaced by the videos in them.
enum InputList {
    /// - Throws: ``TokenReelError/Code/unreadableInput`` for a folder without videos.
    static func expand(_ arguments: [String]) throws(TokenReelError) -> [BatchInput] {
        var inputs: [BatchInput] = []
        for argument in arguments {
            let source = InputSource(argument: argument)
            if case .file(let path) = source, isFolder(path) {
                inputs += try videos(in: path)
            } else {
                inputs.append(BatchInput(source: source))
            }
        }
        guard inputs.count(where: { $0.source == .standardInput }) <= 1 else {
            throw TokenReelError(
                .invalidArgument, subject: "inputs", found: "standard input twice", allowed: "\"-\" once")
        }
        return inputs
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder
    }

    /// The files with a video's extension below a folder, by path; hidden ones and links to folders are passed over.
    private static func videos(in folder: String) throws(TokenReelError) -> [BatchInput] {
        var found: [String] = []
        var waiting = [""]
        while let below = waiting.popLast() {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder + "/" + below)) ?? []
            for name in names where !name.hasPrefix(".") {
                let relative = below.isEmpty ? name : "\(below)/\(name)"
                let path = "\(folder)/\(relative)"
                if isFolder(path) {
                    let isLink = (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) != nil
                    if !isLink { waiting.append(relative) }
                } else if let dot = name.lastIndex(of: "."),
                    VideoFormats.fileExtensions.contains(name[name.index(after: dot)...].lowercased())
                {
                    found.append(relative)
                }
            }
        }
        guard !found.isEmpty else {
            throw TokenReelError(
                .unreadableInput, subject: folder, found: "no video files in this folder",
                allowed: "files ending in \(VideoFormats.fileExtensions.sorted().joined(separator: ", "))")
        }
        let base = folder.hasSuffix("/") ? String(folder.dropLast()) : folder
        return found.sorted().map { BatchInput(source: .file("\(base)/\($0)"), relativePath: $0) }
    }
}
