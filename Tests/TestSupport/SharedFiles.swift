public import Foundation

/// Finds the project's test inputs: fixtures in the repository, and the larger shared ones where a checkout has them.
public enum SharedFiles {
    /// The folder of this package.
    public static let package = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The folder `shared` beside the checkout, or where `TOKENREEL_SHARED` says; nil where there is none.
    public static let shared: URL? = {
        let named = ProcessInfo.processInfo.environment["TOKENREEL_SHARED"].map { URL(filePath: $0) }
        let folder = named ?? package.deletingLastPathComponent().appending(path: "shared")
        return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
    }()

    /// The real clips, where there are any.
    public static let videos: URL? = shared?.appending(path: "videos")

    /// A clip among the real ones, where it exists.
    public static func video(_ name: String) -> URL? {
        guard let file = videos?.appending(path: name) else { return nil }
        return FileManager.default.fileExists(atPath: file.path) ? file : nil
    }
}
