import Foundation
import TestSupport
import Testing
import TokenReduction
import TokenReel

@Suite struct OtherCommandsTests {
    @Test func methodsListTheRegistry() throws {
        let text = try CommandRun.tokenreel("methods")
        #expect(text.status == 0 && text.errors == "")
        let object = try CommandRun.tokenreel("methods", "--json").json()
        #expect(object["schema"] as? Int == 1)
        let methods = try #require(object["methods"] as? [[String: Any]])
        #expect(methods.compactMap { $0["name"] as? String } == RecipeRegistry.recipes.map(\.name))
        for method in methods {
            let name = try #require(method["name"] as? String)
            #expect(text.text.contains(name))
            #expect(method["summary"] is String && method["source"] is String && method["needs"] is [String])
            let stages = try #require(method["stages"] as? [[String: Any]])
            #expect(stages.allSatisfy { $0["stage"] is String && $0["cost"] is String && $0["source"] is String })
            for parameter in try #require(method["parameters"] as? [[String: Any]]) {
                if let choices = parameter["choices"] as? [String] {
                    #expect(choices.contains(try #require(parameter["default"] as? String)))
                    continue
                }
                let value = try #require(parameter["default"] as? Double)
                let minimum = try #require(parameter["minimum"] as? Double)
                let maximum = try #require(parameter["maximum"] as? Double)
                #expect(minimum...maximum ~= value)
                let detail = try CommandRun.tokenreel("methods", name).text
                #expect(detail.contains(try #require(parameter["name"] as? String)))
            }
        }
    }

    @Test func doctorFindsNothingWrong() throws {
        let run = try CommandRun.tokenreel("doctor", "--json")
        #expect(run.status == 0 && run.errors == "")
        let object = try run.json()
        #expect(object["passed"] as? Bool == true)
        let facts = try #require(object["facts"] as? [String: String])
        for name in [
            "tokenreel", "swift", "libavformat", "libavcodec", "blas", "onednn", "architecture", "processor", "cores",
        ] {
            #expect(facts[name]?.isEmpty == false, "\(name)")
        }
        let checks = try #require(object["checks"] as? [[String: Any]])
        #expect(checks.count == 3 && checks.allSatisfy { $0["passed"] as? Bool == true })
        #expect(try CommandRun.tokenreel("doctor").text.contains("ok  "))
    }

    @Test func inspectTellsWhatTheFileHoldsAndRefusesDamage() throws {
        let scratch = try ScratchFolder()
        #expect(try CommandRun.tokenreel("reduce", CommandRun.clip, "-o", "a", in: scratch).status == 0)
        let object = try CommandRun.tokenreel("inspect", "a", "--json", in: scratch).json()
        #expect(object["kind"] as? String == "tokens")
        #expect(object["tokens"] as? Int == 235 && object["source_tokens"] as? Int == 2352)
        #expect(object["channels"] as? Int == 80 && object["dtype"] as? String == "f16")
        #expect(object["grid"] as? [String: Int] == ["frames": 12, "rows": 14, "columns": 14, "channels": 80])
        #expect(object["first_time"] as? Double == 0)
        let metadata = try #require(object["metadata"] as? [String: String])
        #expect(metadata["format"] == "tokenreel/1" && metadata["sha256"]?.count == 64)
        #expect(try CommandRun.tokenreel("inspect", "a", in: scratch).text.contains("source_tokens  2352"))
        // Every byte of the header and the index tensors matters; flipping one must never crash.
        let whole = try scratch.bytes("a")
        for place in stride(from: 0, to: whole.count, by: whole.count / 25) {
            var damaged = whole
            damaged[place] ^= 0x41
            try damaged.write(to: scratch.url.appending(path: "b"))
            let run = try CommandRun.tokenreel("inspect", "b", "--json", in: scratch)
            #expect([0, 3, 4].contains(run.status), "byte \(place): \(run.status) \(run.errors)")
            if run.status != 0 { #expect(run.errors.hasPrefix("error: b: ")) }
        }
        try whole.dropLast(10).write(to: scratch.url.appending(path: "b"))
        #expect(try CommandRun.tokenreel("inspect", "b", in: scratch).status == 3)
    }
}
