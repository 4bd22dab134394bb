import Foundation
import Safetensors
import TestSupport
import Testing
import TokenCore
import TokenReel

/// `--model` with the tiny checkpoints of the vision towers' own tests.
@Suite struct ModelTests {
    private func folder(_ name: String) -> String {
        SharedFiles.package.appending(path: "Tests/VisionEncodingTests/Fixtures/towers/\(name)").path
    }

    private func reduce(_ name: String, _ more: String...) throws -> CommandRun {
        try CommandRun.tokenreel(
            ["reduce", CommandRun.clip, "--model", folder(name), "--frames", "5", "-o", "-", "-q"] + more)
    }

    @Test(arguments: [("clip", 5, 32), ("siglip", 5, 36), ("llava-onevision-f16", 3, 20)])
    func reduceTakesAModelsTokens(_ name: String, _ side: Int, _ channels: Int) throws {
        let scratch = try ScratchFolder()
        let run = try reduce(name, "--keep", "0.2")
        #expect(run.status == 0 && run.errors == "")
        try run.output.write(to: scratch.url.appending(path: "out.safetensors"))
        let sequence = try TokenSequenceFile(path: scratch.path("out.safetensors"))
        #expect(
            sequence.metadata["model"]?.hasPrefix(name.hasPrefix("llava") ? "llava_onevision " : "\(name) ") == true)
        let inspected = try CommandRun.tokenreel("inspect", scratch.path("out.safetensors"), "--json").json()
        let grid = try #require(inspected["grid"] as? [String: Any])
        #expect(grid["rows"] as? Int == side && grid["columns"] as? Int == side && grid["channels"] as? Int == channels)
        #expect(inspected["tokens"] as? Int == 5 * side * side / 5)
    }

    @Test func llavasNewlineTravelsWithTheTokensAndIsNotCounted() throws {
        let scratch = try ScratchFolder()
        let expected = try SafetensorsFile(path: folder("llava-onevision-f16") + "/expected.safetensors")
            .floats("image_newline").array
        func newline(_ file: String) throws -> [Float]? {
            let sequence = try TokenSequenceFile(path: scratch.path(file))
            #expect(sequence.sequence.count == 7)
            #expect(sequence.metadata["newline"] == (sequence.sequence.newline.map { _ in "after the last token" }))
            return sequence.sequence.newline
        }
        let model = ["--model", folder("llava-onevision-f16"), "--frames", "3"]
        for (space, isThere) in [("pooled", true), ("projected", true), ("tower", false)] {
            let arguments = ["reduce", CommandRun.clip, "--tokens", "7", "--space", space, "-o", space] + model
            #expect(try CommandRun.tokenreel(arguments, in: scratch).status == 0)
            #expect(try newline(space) == (isThere ? expected : nil), "\(space)")
        }
        #expect(try CommandRun.tokenreel(["encode", CommandRun.clip, "-o", "grid"] + model, in: scratch).status == 0)
        #expect(try CommandRun.tokenreel("reduce", "grid", "--tokens", "7", "-o", "later", in: scratch).status == 0)
        #expect(try newline("later") == expected)
    }

    @Test func threadsNeverChangeABit() throws {
        // HoliTom reads the saliency, so both streams of numbers are compared.
        let one = try reduce("llava-onevision-f16", "--method", "holitom", "--threads", "1")
        let three = try reduce("llava-onevision-f16", "--method", "holitom", "--threads", "3")
        #expect(one.status == 0 && one.output == three.output && !one.output.isEmpty)
    }

    @Test func layerSpaceSaliencyAndPrecisionReachTheModel() throws {
        let plain = try reduce("clip").output
        for options in [["--layer", "-2"], ["--space", "projected"], ["--saliency", "class", "--method", "holitom"]] {
            let run = try CommandRun.tokenreel(
                ["reduce", CommandRun.clip, "--model", folder("clip"), "--frames", "5", "-o", "-", "-q"] + options)
            #expect(run.status == 0 && run.output != plain && !run.output.isEmpty, "\(options)")
        }
        #expect(try reduce("clip", "--precision", "bf16").status == 0)
    }

    @Test func whatMakesNoSenseIsRefused() throws {
        let cases: [([String], String)] = [
            (["--model", "/nonexistent"], "no such folder"),
            (["--model", folder("siglip"), "--space", "pooled"], "pooled"),
            (["--model", folder("siglip"), "--grid", "4x4"], "--grid"),
            (["--layer", "-2"], "--model"),
            (["--precision", "bf16"], "--model"),
        ]
        for (options, words) in cases {
            let run = try CommandRun.tokenreel(["reduce", CommandRun.clip, "-o", "-"] + options)
            #expect(run.status != 0 && run.output.isEmpty)
            #expect(run.errors.contains(words), "\(run.errors)")
        }
    }
}
