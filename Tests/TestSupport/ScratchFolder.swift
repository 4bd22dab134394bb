public import Foundation

/// A folder that goes away with the test.
public final class ScratchFolder: Sendable {
    /// Where it is.
    public let url: URL

    /// Makes an empty folder.
    public init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "tokenreel-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// The path of a file inside.
    public func path(_ name: String) -> String { url.appending(path: name).path }

    /// What a file inside holds.
    public func bytes(_ name: String) throws -> Data { try Data(contentsOf: url.appending(path: name)) }
}
