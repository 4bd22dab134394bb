import Foundation
import TestSupport
import Testing
import TokenReduction

@Suite struct CompareCommandTests {
    @Test func tableFitsATerminalAndListsEveryMethod() throws {
        let run = try CommandRun.tokenreel("compare", CommandRun.clip, "--keep", "0.1,0.5", "--allow-substitute")
        #expect(run.status == 0)
        let lines = run.text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.filter { $0.hasPrefix("skipped") || $0.count <= 100 }.count == lines.count)
        #expect(lines.contains("10.0 % of the tokens") && lines.contains("50.0 % of the tokens"))
        for recipe in RecipeRegistry.recipes { #expect(run.text.contains(recipe.name.prefix(17)), "\(recipe.name)") }
    }

    @Test func reportsForProgramsAndForPeople() throws {
        let scratch = try ScratchFolder()
        let shared = ["compare", CommandRun.clip, "--methods", "evs,tokenreel", "--tokens", "64", "--llm", "0.5b"]
        let object = try CommandRun.tokenreel(shared + ["--json", "--report", "a.html", "-q"], in: scratch).json()
        #expect(object["schema"] as? Int == 1)
        let results = try #require(object["results"] as? [[String: Any]])
        #expect(Set(results.compactMap { $0["method"] as? String }) == ["evs", "tokenreel"])
        #expect(results.allSatisfy { $0["tokens"] as? Int == 64 })
        #expect((object["language_model"] as? [String: Any])?["layers"] as? Int == 24)
        let page = try PageData(String(decoding: try scratch.bytes("a.html"), as: UTF8.self))
        #expect((page.object["results"] as? [Any])?.count == 2)
        // What is there is not replaced unasked.
        #expect(try CommandRun.tokenreel(shared + ["--report", "a.html"], in: scratch).status == 64)
        #expect(try CommandRun.tokenreel(shared + ["--report", "a.html", "--overwrite"], in: scratch).status == 0)
        let csv = try CommandRun.tokenreel(shared + ["--csv"], in: scratch).text.split(separator: "\n")
        #expect(csv.count == 3 && csv[0].hasPrefix("method,status,budget,tokens,"))
    }

    @Test(arguments: [
        ["--keep", "0.1,x"], ["--keep", "0"], ["--keep", "0.1", "--tokens", "5"], ["--methods", "none"],
        ["--llm", "13b"], ["--json", "--csv"], ["--tokens", "0"],
    ])
    func wrongWishesAreUsageErrors(_ options: [String]) throws {
        let run = try CommandRun.tokenreel(["compare", CommandRun.clip] + options)
        #expect(run.status == 64 && run.output.isEmpty)
    }

    @Test func interruptionEndsItCleanly() throws {
        let running = try CommandRun.start(["compare", CommandRun.clip, "--frames", "all", "--keep", "0.5"])
        Thread.sleep(forTimeInterval: 0.3)
        running.signal(SIGINT)
        let run = try running.wait()
        #expect(run.status == 130 && run.output.isEmpty)
    }
}
