internal import Foundation

/// A browser without a window, where one is installed.
public enum Browser {
    /// Where it lies; nil where there is none.
    public static let path: String? = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].lazy
        .flatMap { name in
            (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(name)" }
        }.first { FileManager.default.isExecutableFile(atPath: $0) }
}
