import Foundation
import Safetensors
import Testing
import TokenCore
import VisionEncoding

@Suite struct CheckpointFolderTests {
    /// What reading a damaged copy of a fixture's vision tower says.
    private func refusal(_ name: String, _ damage: (URL) throws -> Void) throws -> TokenReelError? {
        let folder = try TowerFixture(name).copy()
        defer { try? FileManager.default.removeItem(at: folder) }
        try damage(folder)
        return #expect(throws: TokenReelError.self) { try VisionTower(try CheckpointFolder(folder.path)) }
    }

    private func edit(_ file: String, in folder: URL, _ replacements: KeyValuePairs<String, String>) throws {
        let url = folder.appending(path: file)
        var text = try String(contentsOf: url, encoding: .utf8)
        for (old, new) in replacements {
            #expect(text.contains(old), "the fixture holds \(old)")
            text = text.replacingOccurrences(of: old, with: new)
        }
        try text.write(to: url, atomically: true, encoding: .utf8)
    }

    @Test func foldersThatAreNoCheckpointsAreRefused() throws {
        let missing = #expect(throws: TokenReelError.self) { try CheckpointFolder("/nonexistent/folder") }
        #expect(missing?.found == "no such folder")
        let file = try TowerFixture("siglip").path + "/config.json"
        #expect(throws: TokenReelError.self) { try CheckpointFolder(file) }
        let configless = try refusal("siglip") {
            try FileManager.default.removeItem(at: $0.appending(path: "config.json"))
        }
        #expect(configless?.found == "no config.json")
        let weightless = try refusal("siglip") {
            try FileManager.default.removeItem(at: $0.appending(path: "model.safetensors"))
        }
        #expect(weightless?.found.contains("no model.safetensors") == true)
    }

    @Test func configurationsThatCannotBeComputedNameFileAndKey() throws {
        let cases: [(String, KeyValuePairs<String, String>, String)] = [
            ("siglip", ["\"model_type\": \"siglip\"": "\"model_type\": \"parakeet\""], "parakeet"),
            ("siglip", ["\"model_type\": \"siglip\"": "\"kind\": 1"], "no model_type"),
            ("siglip", ["\"hidden_size\": 36": "\"hidden_size\": 0"], "hidden_size"),
            ("siglip", ["\"hidden_size\": 36": "\"hidden_size\": 37"], "num_attention_heads"),
            ("siglip", ["\"hidden_size\": 36": "\"hidden_size\": \"wide\""], "vision_config.hidden_size"),
            ("siglip", ["\"patch_size\": 8": "\"patch_size\": 45"], "patch_size"),
            ("siglip", ["\"num_channels\": 3": "\"num_channels\": 4"], "num_channels"),
            ("siglip", ["gelu_pytorch_tanh": "swish"], "swish"),
            ("siglip", ["{": "["], "not JSON"),
            ("siglip-vision-f16", ["\"layer_norm_eps\": 1e-06": "\"layer_norm_eps\": -1"], "layer_norm_eps"),
            (
                "llava-onevision-f16", ["\"model_type\": \"siglip_vision_model\"": "\"model_type\": \"pixtral\""],
                "vision_config.model_type"
            ),
        ]
        for (name, replacements, words) in cases {
            let error = try refusal(name) { try edit("config.json", in: $0, replacements) }
            #expect(error?.found.contains(words) == true, "\(error.map(\.description) ?? "nothing")")
            #expect(error?.subject.hasSuffix("config.json") == true)
        }
    }

    @Test func weightsOfAnotherShapeNameFileAndTensor() throws {
        let error = try refusal("siglip") {
            try edit("config.json", in: $0, ["\"intermediate_size\": 50": "\"intermediate_size\": 52"])
        }
        #expect(error?.subject.hasSuffix("model.safetensors") == true)
        #expect(error?.found == "tensor \"vision_model.encoder.layers.0.mlp.fc1.weight\" of shape [50, 36]")
        let layers = try refusal("siglip") {
            try edit("config.json", in: $0, ["\"num_hidden_layers\": 3": "\"num_hidden_layers\": 4"])
        }
        #expect(layers?.found.contains("vision_model.encoder.layers.3.layer_norm1.weight") == true)
    }

    @Test func weightsThatAreNotFiniteNameFileAndTensor() throws {
        for bits: UInt32 in [0x7FC0_0000, 0xFF80_0000] {
            let error = try refusal("siglip") { folder in
                let url = folder.appending(path: "model.safetensors")
                var bytes = try Data(contentsOf: url)
                let header = Int(bytes.prefix(8).enumerated().reduce(UInt64(0)) { $0 | UInt64($1.1) << (8 * $1.0) })
                let file = try SafetensorsFile(path: url.path)
                let span = try file.entry("vision_model.encoder.layers.1.mlp.fc2.weight").span
                withUnsafeBytes(of: bits.littleEndian) {
                    bytes.replaceSubrange(8 + header + span.upperBound - 4..<8 + header + span.upperBound, with: $0)
                }
                try bytes.write(to: url)
            }
            #expect(error?.subject.hasSuffix("model.safetensors") == true)
            #expect(error?.found.contains("vision_model.encoder.layers.1.mlp.fc2.weight") == true)
        }
    }

    @Test func aMissingShardIsNamedWithATensorItHolds() throws {
        let shard = "model-00003-of-00003.safetensors"
        let error = try refusal("llava-onevision-f16") {
            try FileManager.default.removeItem(at: $0.appending(path: shard))
        }
        #expect(error?.subject.hasSuffix(shard) == true && error?.found == "no such file")
        #expect(error?.allowed?.contains("vision_tower.") == true)
    }

    @Test func anIndexCannotLeadOutOfTheFolder() throws {
        let error = try refusal("llava-onevision-f16") {
            try edit(
                "model.safetensors.index.json", in: $0,
                ["model-00003-of-00003.safetensors": "../model-00003-of-00003.safetensors"])
        }
        #expect(error?.found.contains("../model-00003") == true)
    }

    @Test func towersAreFoundUnderOtherPrefixes() throws {
        // The layout of published files in the one place of transformers' newer ones.
        let folder = try TowerFixture("llava-onevision-f16").copy()
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.removeItem(at: folder.appending(path: "model.safetensors.index.json"))
        var writer = SafetensorsWriter()
        for part in 1...3 {
            let file = try SafetensorsFile(path: folder.appending(path: "model-0000\(part)-of-00003.safetensors").path)
            for name in file.tensors.keys {
                let moved = name.replacingOccurrences(of: "vision_tower.", with: "vision_tower.vision_model.")
                writer.add("model.\(moved)", shape: try file.entry(name).shape, floats: try file.floats(name), as: .f16)
            }
        }
        try writer.write(to: folder.appending(path: "model.safetensors").path)
        let moved = try VisionTower(try CheckpointFolder(folder.path))
        let original = try VisionTower(try TowerFixture("llava-onevision-f16").folder)
        let pixels = try TowerFixture("llava-onevision-f16").pixels(frame: 0)
        let isSame = try moved.result(of: pixels).tokens == original.result(of: pixels).tokens
        #expect(isSame)
    }
}
