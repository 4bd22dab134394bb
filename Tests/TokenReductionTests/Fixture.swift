import Foundation
import TokenCore

/// A reference fixture: tensors and the original implementation's outputs on them.
///
/// A reader of its own, so that parity does not rest on the project's safetensors code.
struct Fixture {
    private let tensors: [String: (shape: [Int], bytes: Data)]
    let parameters: [String: Any]

    init(_ name: String) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
        let data = try Data(contentsOf: folder.appending(path: name + ".safetensors"))
        let length = Int(
            data.prefix(8).enumerated().reduce(UInt64(0)) { $0 | UInt64($1.element) << (8 * UInt64($1.offset)) })
        let header = try JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: Any] ?? [:]
        var tensors: [String: (shape: [Int], bytes: Data)] = [:]
        for case (let key, let entry as [String: Any]) in header where key != "__metadata__" {
            guard let shape = entry["shape"] as? [Int], let range = entry["data_offsets"] as? [Int] else { continue }
            tensors[key] = (shape, Data(data[8 + length + range[0]..<8 + length + range[1]]))
        }
        self.tensors = tensors
        let text = (header["__metadata__"] as? [String: String])?["params"] ?? "{}"
        parameters = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
    }

    func shape(_ name: String) -> [Int] { tensors[name]?.shape ?? [] }
    func floats(_ name: String) -> [Float] { elements(name) }
    func integers(_ name: String) -> [Int32] { elements(name) }
    func has(_ name: String) -> Bool { tensors[name] != nil }

    private func elements<Element>(_ name: String) -> [Element] {
        tensors[name]?.bytes.withUnsafeBytes { Array($0.bindMemory(to: Element.self)) } ?? []
    }

    func grid() throws -> TokenGrid {
        let terms = shape("tokens")
        return try TokenGrid(
            shape: GridShape(frames: terms[0], rows: terms[1], columns: terms[2], channels: terms[3]),
            values: TensorBuffer(floats("tokens")), frameTimes: (0..<terms[0]).map(Double.init),
            saliency: has("saliency") ? floats("saliency") : nil)
    }
}
