import Foundation
import TestSupport
import Testing

@Suite(.enabled(if: Browser.path != nil, "needs Chromium on the PATH to use the page"), .serialized)
struct PageTests {
    private static let service = Result { try RunningService() }

    /// What the page shows once it was given a file.
    private func drop(_ file: String) throws -> [String: Any] {
        let scratch = try ScratchFolder()
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "python3", SharedFiles.package.appending(path: "Tests/TokenServiceTests/drop-video.py").path,
            try #require(Browser.path), scratch.path("profile"), "http://127.0.0.1:\(try Self.service.get().port)/",
            file,
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    @Test func aDroppedVideoIsShown() throws {
        let shown = try drop(RunningService.clip)
        #expect((shown["state"] as? String)?.contains("2,352 → 235 tokens") == true, "\(shown)")
        #expect(shown["failed"] as? Bool == false && shown["chosen"] as? String == "tokenreel")
        #expect((shown["methods"] as? Int ?? 0) > 40)
        #expect((shown["canvases"] as? Int ?? 0) >= 12)
        #expect((shown["report"] as? String)?.contains("clip.mp4") == true)
        #expect(shown["origin"] as? String == "null")
    }

    @Test func whatIsNoVideoIsSaid() throws {
        let shown = try drop(SharedFiles.package.appending(path: "Package.swift").path)
        #expect(shown["failed"] as? Bool == true)
        #expect((shown["state"] as? String)?.contains("text, not video") == true, "\(shown)")
    }
}
