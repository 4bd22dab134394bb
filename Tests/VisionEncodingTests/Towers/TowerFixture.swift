import Foundation
import Safetensors
import TestSupport
import TokenCore
import VisionEncoding

/// A tiny checkpoint with what transformers computes from it; `scripts/make-tiny-checkpoints.py` wrote them.
struct TowerFixture: Sendable {
    let name: String
    let path: String
    let expected: SafetensorsFile

    init(_ name: String) throws {
        self.name = name
        path = TinyCheckpoints.path(name)
        expected = try SafetensorsFile(path: path + "/expected.safetensors")
    }

    var folder: CheckpointFolder { get throws { try CheckpointFolder(path) } }
    var frames: Int { get throws { try expected.entry("pixels").shape[0] } }

    /// One frame's part of an expected tensor.
    func values(_ tensor: String, frame: Int = 0) throws -> [Float] {
        let entry = try expected.entry(tensor)
        let size = entry.count / entry.shape[0]
        return Array(try expected.floats(tensor).array[frame * size..<(frame + 1) * size])
    }

    func pixels(frame: Int) throws -> [Float] { try values("pixels", frame: frame) }

    /// A copy that a test may damage.
    func copy() throws -> URL {
        let target = FileManager.default.temporaryDirectory.appending(path: "tower-\(UUID().uuidString)")
        try FileManager.default.copyItem(at: URL(filePath: path), to: target)
        return target
    }
}

extension VisionTower {
    /// The tokens of a frame, and the signals that are asked for.
    func result(of pixels: [Float], _ signals: Set<Signal> = []) throws -> EncodedFrame {
        try pixels.withUnsafeBufferPointer { try encode(pixels: $0, signals: signals) }
    }
}

/// The largest difference as a share of the largest expected magnitude; infinite for another count or a NaN.
func deviation(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count, !expected.isEmpty else { return .infinity }
    var largest: Float = 0
    for (a, b) in zip(found, expected) {
        guard a.isFinite else { return .infinity }
        largest = max(largest, abs(a - b))
    }
    return largest / expected.reduce(0) { max($0, abs($1)) }
}
