import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReduction
import TokenReel

@Suite struct StorageOptionTests {
    @Test func quantisedTokensAreReportedAndInspected() throws {
        let scratch = try ScratchFolder()
        let run = try CommandRun.tokenreel(
            "reduce", CommandRun.clip, "-o", "a", "--quantize", "tokenbridge:5", "--order", "prefix", "--json",
            in: scratch)
        #expect(run.status == 0, "\(run.errors)")
        let object = try run.json()
        let quantization = try #require(object["quantization"] as? [String: Any])
        #expect(quantization["scheme"] as? String == "tokenbridge:bits=5,range=5.0")
        #expect((quantization["cosine"] as? Double ?? 0) > 0.99)
        let prefixes = try #require(object["prefix_coverage"] as? [[String: Double]])
        #expect(prefixes.compactMap { $0["tokens"] } == [1, 2, 4, 8, 16, 32, 64, 128, 235])
        let coverage = prefixes.compactMap { $0["coverage"] }
        #expect(zip(coverage, coverage.dropFirst()).allSatisfy { $0 <= $1 })
        let hash = try #require(object["hash"] as? [String: Any])
        #expect(
            hash["usage"] as? Double == 1 && (hash["bits"] as? Int ?? 0) > 0 && hash["streamable"] as? Bool == false)
        let facts = try CommandRun.tokenreel("inspect", "a", "--json", in: scratch).json()
        #expect(facts["order"] as? String == "prefix")
        #expect(facts["quantization"] as? String == "tokenbridge:bits=5,range=5.0")
        #expect(5..<7 ~= (facts["bits_per_value"] as? Double ?? 0))
        let codes = try #require(facts["hash"] as? [String: Any])
        #expect((codes["compressed_bits"] as? Int ?? .max) <= (codes["bits"] as? Int ?? 0))
        let text = try CommandRun.tokenreel(
            "reduce", CommandRun.clip, "-o", "a", "--quantize", "zipcache", in: scratch)
        #expect(text.status == 0 && text.text.contains("stored    zipcache:bits=4"))
        let size = try scratch.bytes("a").count
        #expect(try CommandRun.tokenreel("reduce", CommandRun.clip, "-o", "b", in: scratch).status == 0)
        #expect(try size < scratch.bytes("b").count)
    }

    @Test func resumeKnowsHowTokensWereStored() throws {
        let scratch = try ScratchFolder()
        func status(_ options: String...) throws -> String? {
            try CommandRun.tokenreel(
                ["reduce", CommandRun.clip, "-o", "a", "--json", "--resume"] + options, in: scratch
            ).json()["status"] as? String
        }
        #expect(try status("--quantize", "mergequant") == "done")
        #expect(try status("--quantize", "mergequant:4") == "skipped")
        #expect(try status("--quantize", "mergequant:5") == "done")
        #expect(try status() == "done")
    }

    @Test(arguments: [["--quantize", "other"], ["--quantize", "tokenbridge:0"], ["--order", "random"]])
    func schemesAndOrdersThatAreNotThereAreRefused(_ options: [String]) throws {
        let scratch = try ScratchFolder()
        let run = try CommandRun.tokenreel(["reduce", CommandRun.clip, "-o", "a"] + options, in: scratch)
        #expect(run.status != 0 && scratch.names.isEmpty)
    }

    @Test func aShuffledGridHoldsTheSameNumbers() throws {
        let scratch = try ScratchFolder()
        #expect(try CommandRun.tokenreel("encode", CommandRun.clip, "-o", "a", in: scratch).status == 0)
        #expect(
            try CommandRun.tokenreel("encode", CommandRun.clip, "-o", "b", "--shuffle", "2", in: scratch).status == 0)
        let (plain, stacked) = (
            try TokenGridFile(path: scratch.path("a")), try TokenGridFile(path: scratch.path("b"))
        )
        #expect(stacked.metadata["space_to_depth"] == "2" && stacked.grid.shape.channels == 320)
        let back = try SpaceToDepth(side: 2).unstacked(stacked.grid.values, to: plain.grid.shape)
        #expect(back.array == plain.grid.values.array)
        let refused = try CommandRun.tokenreel("encode", CommandRun.clip, "-o", "c", "--shuffle", "3", in: scratch)
        #expect(refused.status != 0 && refused.errors.contains("multiples of 3"))
    }

    @Test func everythingBesideMethodsIsListedToo() throws {
        let text = try CommandRun.tokenreel("methods").text
        let options = try #require(try CommandRun.tokenreel("methods", "--json").json()["options"] as? [[String: Any]])
        #expect(
            Set(options.compactMap { $0["kind"] as? String }) == [
                "query", "order", "storage", "codes", "layout", "memory",
            ])
        for option in options {
            let name = try #require(option["name"] as? String)
            #expect(text.contains("  \(name) "))
            let usage = try #require(option["usage"] as? String)
            let detail = try CommandRun.tokenreel("methods", name)
            #expect(detail.status == 0 && detail.text.contains(usage))
        }
        #expect(try CommandRun.tokenreel("methods", "tokenbridge").text.contains("--quantize tokenbridge:name=value"))
    }
}
