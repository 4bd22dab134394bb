internal import Foundation

/// The tiny random checkpoints of the vision towers' tests.
public enum TinyCheckpoints {
    /// Where a checkpoint lies: `clip`, `siglip`, `llava-onevision-f16` and others.
    public static func path(_ name: String) -> String {
        SharedFiles.package.appending(path: "Tests/VisionEncodingTests/Fixtures/towers/\(name)").path
    }

    /// A copy of `clip` with a tokenizer of single letters, which has the vocabulary that its text tower has.
    public static func clipWithTokenizer(in scratch: ScratchFolder) throws -> String {
        let folder = scratch.url.appending(path: "clip")
        try FileManager.default.copyItem(at: URL(filePath: path("clip")), to: folder)
        var vocabulary: [String: Int] = [:]
        for letter in "abcdefghijklmnopqrstuvwxyz" {
            vocabulary["\(letter)"] = vocabulary.count
            vocabulary["\(letter)</w>"] = vocabulary.count
        }
        while vocabulary.count < 97 { vocabulary["unused\(vocabulary.count)"] = vocabulary.count }
        vocabulary["<|startoftext|>"] = 97
        vocabulary["<|endoftext|>"] = 98
        try JSONSerialization.data(withJSONObject: vocabulary).write(to: folder.appending(path: "vocab.json"))
        try Data("#version: 0.2\n".utf8).write(to: folder.appending(path: "merges.txt"))
        return folder.path
    }
}
