internal import ArgumentParser
internal import Essentials
internal import TensorOps
internal import TokenCore
internal import TokenReel
internal import VideoDecoding

/// `tokenreel doctor`.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Tell versions and processor features, and check that everything works.",
        discussion: "Paste its output into reports of problems. Exits with 1 if a check fails.")

    @Flag(help: "Report as JSON on standard output.")
    var json = false

    func run() throws {
        try Console(verbosity: .normal).ending { () throws(TokenReelError) in
            let facts = Self.facts
            let checks = SelfTest.run()
            let passed = checks.allSatisfy { $0.failure == nil }
            if json {
                let report = JSONValue.members([
                    "facts": .object(facts.map { JSONValue.Member(key: $0.0, value: .string($0.1)) }),
                    "checks": .array(
                        checks.map {
                            .members([
                                "name": .string($0.name), "passed": .boolean($0.failure == nil),
                                "failure": $0.failure.map(JSONValue.string) ?? .null,
                            ])
                        }), "passed": .boolean(passed),
                ])
                try Console.result(JSONValue.report(report).text)
            } else {
                let width = (facts.map(\.0.count).max() ?? 0) + 2
                for (name, value) in facts {
                    try Console.result(name + String(repeating: " ", count: width - name.count) + value)
                }
                for check in checks {
                    try Console.result(check.failure.map { "FAILED  \(check.name): \($0)" } ?? "ok      \(check.name)")
                }
            }
            return passed ? .success : .failure
        }
    }

    private static var facts: [(String, String)] {
        [
            ("tokenreel", ProductVersion.current), ("swift", swiftVersion),
            ("system", ProcessInfo.processInfo.operatingSystemVersionString),
        ]
            + VideoFormats.versions()
            + [
                ("blas", MathLibrary.openBLAS), ("onednn", MathLibrary.oneDNN), ("architecture", architecture),
                ("processor", processorFeatures),
            ]
            + [("cores", "\(ProcessInfo.processInfo.activeProcessorCount)")]
    }

    private static var swiftVersion: String {
        #if compiler(>=6.4)
            "6.4 or later"
        #elseif compiler(>=6.3)
            "6.3"
        #elseif compiler(>=6.2)
            "6.2"
        #else
            "6.1"
        #endif
    }

    private static var architecture: String {
        #if arch(x86_64)
            "x86_64"
        #elseif arch(arm64)
            "arm64"
        #else
            "other"
        #endif
    }

    /// The vector extensions that matter here, as Linux lists them.
    private static var processorFeatures: String {
        guard let data = FileManager.default.contents(atPath: "/proc/cpuinfo") else { return "unknown" }
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
        guard let flags = lines.first(where: { $0.hasPrefix("flags") || $0.hasPrefix("Features") }) else {
            return "unknown"
        }
        let known = [
            "sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "asimd", "bf16",
        ]
        let found = Set(flags.split(separator: " ").map(String.init))
        return known.filter(found.contains).joined(separator: " ")
    }
}
