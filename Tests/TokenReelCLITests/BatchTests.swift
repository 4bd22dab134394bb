import Foundation
import TestSupport
import Testing
import TokenReel

@Suite struct BatchTests {
    private func modified(_ scratch: ScratchFolder, _ name: String) throws -> Date? {
        try FileManager.default.attributesOfItem(atPath: scratch.path(name))[.modificationDate] as? Date
    }

    @Test func foldersAreSearchedAndABadFileStopsNothing() throws {
        let scratch = try ScratchFolder()
        try scratch.addClip("in/b.mp4")
        try scratch.addClip("in/deep/er/a.MKV")
        try scratch.addClip("in/.hidden/c.mp4")
        try scratch.write("text", to: "in/notes.txt")
        try scratch.write("text", to: "in/bad.mp4")
        let run = try CommandRun.tokenreel(
            "reduce", "in", "--out-dir", "out", "--jobs", "2", "--json", in: scratch)
        #expect(run.status == 2)
        #expect(run.errors.hasPrefix("error: in/bad.mp4: "))
        let object = try run.json()
        let results = try #require(object["results"] as? [[String: Any]])
        #expect(results.map { $0["input"] as? String } == ["in/b.mp4", "in/bad.mp4", "in/deep/er/a.MKV"])
        #expect(results.map { $0["status"] as? String } == ["done", "failed", "done"])
        let error = try #require(results[1]["error"] as? [String: Any])
        #expect(error["code"] as? String == "unreadable-input" || error["code"] as? String == "unsupported-input")
        #expect(error["subject"] as? String == "in/bad.mp4" && error["found"] is String)
        let summary = try #require(object["summary"] as? [String: Int])
        #expect(
            summary == [
                "inputs": 3, "done": 2, "failed": 1, "skipped": 0, "planned": 0, "tokens_in": 4704, "tokens_out": 470,
            ])
        let outputs = scratch.names.filter { $0.hasPrefix("out") && $0.hasSuffix("tensors") }
        #expect(outputs == ["out/b.safetensors", "out/deep/er/a.safetensors"])
    }

    @Test func namesThatMeetAreToldApart() throws {
        let scratch = try ScratchFolder()
        for name in ["x/clip.mp4", "y/clip.mkv", "z/clip.mp4"] { try scratch.addClip(name) }
        let arguments = ["reduce", "x/clip.mp4", "y/clip.mkv", "z/clip.mp4", "--out-dir", "out", "--json"]
        let run = try CommandRun.tokenreel(arguments, in: scratch)
        #expect(run.status == 0)
        let results = try #require(try run.json()["results"] as? [[String: Any]])
        #expect(
            results.map { $0["output"] as? String } == [
                "out/clip.mp4.safetensors", "out/clip.mkv.safetensors", "out/clip.mp4-2.safetensors",
            ])
        #expect(Set(scratch.names.filter { $0.hasSuffix("tensors") }).count == 3)
    }

    @Test func jobsDoNotChangeAByteOrTheOrder() throws {
        let scratch = try ScratchFolder()
        for name in ["a", "b", "c", "d"] { try scratch.addClip("in/\(name).mp4") }
        for jobs in ["1", "3"] {
            let run = try CommandRun.tokenreel("reduce", "in", "--out-dir", jobs, "--jobs", jobs, in: scratch)
            #expect(run.status == 0)
            let names = run.text.split(separator: "\n").filter { $0.contains(" -> \(jobs)/") }
            #expect(names.map { $0.prefix(1) } == ["a", "b", "c", "d"])
            #expect(run.errors == "4 inputs, 4 done, 9,408 -> 940 tokens\n")
        }
        for name in ["a", "b", "c", "d"] {
            #expect(try scratch.bytes("1/\(name).safetensors") == scratch.bytes("3/\(name).safetensors"))
        }
    }

    @Test func resumeSkipsOnlyWhatIsTheSame() throws {
        let scratch = try ScratchFolder()
        for name in ["a", "b", "c"] { try scratch.addClip("in/\(name).mp4") }
        func statuses(_ extra: String...) throws -> [String?] {
            let run = try CommandRun.tokenreel(
                ["reduce", "in", "--out-dir", "out", "--resume", "--json"] + extra, in: scratch)
            let results = try #require(try run.json()["results"] as? [[String: Any]])
            return results.map { $0["status"] as? String }
        }
        #expect(try statuses() == ["done", "done", "done"])
        let before = try modified(scratch, "out/a.safetensors")
        // One result is cut off, and one input has other bytes.
        try scratch.bytes("out/b.safetensors").dropLast(1).write(to: scratch.url.appending(path: "out/b.safetensors"))
        var clip = try scratch.bytes("in/c.mp4")
        clip.append(contentsOf: [0, 0, 0, 8] + Array("free".utf8))
        try clip.write(to: scratch.url.appending(path: "in/c.mp4"))
        #expect(try statuses("--overwrite") == ["skipped", "done", "done"])
        #expect(try modified(scratch, "out/a.safetensors") == before)
        #expect(try statuses("--threads", "3") == ["skipped", "skipped", "skipped"])
        #expect(try statuses("--keep", "0.2") == ["done", "done", "done"])
        #expect(try statuses("--keep", "0.2", "--dtype", "f32") == ["done", "done", "done"])
    }
}
