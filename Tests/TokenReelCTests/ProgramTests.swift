import Foundation
import TestSupport
import Testing

/// Programs in C and Python, run against the library of this build.
@Suite struct ProgramTests {
    /// The library beside the test bundle: both are products of the same build.
    private static let library = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appending(path: "libTokenReelC.so")
    private static let sources = SharedFiles.package.appending(path: "Sources")
    private static let programs = SharedFiles.package.appending(path: "Tests/TokenReelCTests/Programs")
    private static let clip = SharedFiles.package.appending(path: "Samples/clip.mp4").path
    /// The Python package's tests do more where torch is.
    private static let python =
        ["TOKENREEL_TORCH_PYTHON", "TOKENREEL_PYTHON"].compactMap { ProcessInfo.processInfo.environment[$0] }.first
        ?? "python3"
    private static let needsNumpy: Comment = "needs a python3 with the package numpy"
    private static let ray = ProcessInfo.processInfo.environment["TOKENREEL_RAY_PYTHON"]

    /// Runs a command to its end; what it says comes back.
    private static func run(_ command: [String], with variables: [String: String] = [:]) throws -> (Int32, String) {
        let scratch = try ScratchFolder()
        _ = FileManager.default.createFile(atPath: scratch.path("said"), contents: nil)
        let said = try FileHandle(forWritingTo: scratch.url.appending(path: "said"))
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = said
        process.standardError = said
        try process.run()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: try scratch.bytes("said"), as: UTF8.self))
    }

    private static func has(_ command: [String]) -> Bool { (try? run(command))?.0 == 0 }

    @Test(.enabled(if: has(["cc", "--version"]), "needs a C compiler called cc"))
    func everyCallKeepsToTheHeader() throws {
        let scratch = try ScratchFolder()
        let (built, complaints) = try Self.run([
            "cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", Self.sources.appending(path: "CTokenReel").path,
            Self.programs.appending(path: "program.c").path, Self.library.path, "-lpthread", "-lm",
            "-Wl,-rpath,\(Self.library.deletingLastPathComponent().path)", "-o", scratch.path("program"),
        ])
        try #require(built == 0, "\(complaints)")
        let (status, said) = try Self.run([scratch.path("program"), Self.clip, scratch.url.path])
        #expect(status == 0 && said == "all as the header says\n", "\(said)")
    }

    @Test(.enabled(if: has([python, "-c", "import numpy"]), needsNumpy))
    func pythonsTestsPass() throws {
        let (status, said) = try Self.run(
            [Self.python, "-B", Self.programs.appending(path: "test_tokenreel.py").path],
            with: [
                "PYTHONPATH": Self.sources.appending(path: "TokenReelPython").path,
                "TOKENREEL_LIBRARY": Self.library.path,
            ])
        #expect(status == 0 && said.hasSuffix("OK\n") || said.contains("OK (skipped"), "\(said)")
    }

    /// A local cluster of several processes, some of which are killed on the way; takes a minute or two.
    @Test(
        .enabled(
            if: ray.map { has([$0, "-c", "import ray.data, numpy"]) } ?? false,
            "set TOKENREEL_RAY_PYTHON to a python3 with ray[data]"))
    func aClusterLosesWorkersAndNoVideo() throws {
        let (status, said) = try Self.run(
            [Self.ray ?? "", "-B", SharedFiles.package.appending(path: "scripts/check-ray.py").path],
            with: [
                "PYTHONPATH": Self.sources.appending(path: "TokenReelPython").path,
                "TOKENREEL_LIBRARY": Self.library.path,
            ])
        #expect(status == 0 && said.contains("\"workers_killed\": 4, \"nodes_killed\": 1"), "\(said)")
    }

    @Test(.enabled(if: has([python, "-c", "import numpy, pip"]), needsNumpy))
    func aWheelHoldsAllThatIsNeeded() throws {
        let scratch = try ScratchFolder()
        let package = Self.sources.appending(path: "TokenReelPython/tokenreel").path
        let (built, wheel) = try Self.run([
            Self.python, SharedFiles.package.appending(path: "scripts/build_wheel.py").path, package, Self.library.path,
            scratch.url.path,
        ])
        try #require(built == 0, "\(wheel)")
        let (installed, complaints) = try Self.run([
            Self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps",
            "--target", scratch.path("installed"), wheel.trimmingCharacters(in: .newlines),
        ])
        try #require(installed == 0, "\(complaints)")
        let (status, said) = try Self.run(
            [
                Self.python, SharedFiles.package.appending(path: "Samples/reduce.py").path, Self.clip,
                scratch.path("tokens"),
            ], with: ["PYTHONPATH": scratch.path("installed"), "TOKENREEL_LIBRARY": ""])
        #expect(status == 0 && said.hasPrefix("4704 -> 470 tokens"), "\(said)")
        #expect(said.contains("[24, 14, 14, 768] -> [470, 768]"), "\(said)")
    }
}
