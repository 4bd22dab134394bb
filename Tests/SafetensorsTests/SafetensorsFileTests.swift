import Foundation
import Safetensors
import TestSupport
import Testing
import TokenCore

/// A folder that goes away with the test.
final class Scratch {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "tokenreel-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func path(_ name: String) -> String { folder.appending(path: name).path }
    var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()) ?? [] }
}

@Suite struct SafetensorsFileTests {
    private let reference = SharedFiles.package.appending(
        path: "Tests/SafetensorsTests/Fixtures/reference.safetensors")
    private let text = "a \"quoted\" \\ line\n\t\u{1}\u{e9}"

    /// What the Python package was given when it wrote the reference file.
    private func referenceContents() -> SafetensorsWriter {
        let ramp = Array(-6..<6)
        var writer = SafetensorsWriter(metadata: ["text": text])
        writer.add("b.f32", shape: [3, 4], ramp.map { Float(Double($0) / 7) })
        writer.add("a.f32", shape: [2], [1e30, -0.0] as [Float])
        writer.add("halves", shape: [12], floats: TensorBuffer(ramp.map { Float(Double($0) / 7) }), as: .f16)
        writer.add("doubles", shape: [12], ramp.map { Double($0) / 7 })
        writer.add("words", shape: [12], ramp.map { Int32($0) })
        writer.add("longs", shape: [12], ramp.map { Int64($0) * 1_000_000_000_000 })
        writer.add("shorts", shape: [6], (65530...65535).map { UInt16($0) })
        writer.add("empty", shape: [0, 4], [] as [Float])
        return writer
    }

    @Test func bytesEqualThoseOfThePythonPackage() throws {
        let scratch = try Scratch()
        try referenceContents().write(to: scratch.path("ours"))
        let ours = try Data(contentsOf: scratch.folder.appending(path: "ours"))
        #expect(ours == (try Data(contentsOf: reference)))
    }

    @Test func memoryHoldsWhatAFileWould() throws {
        let contents = referenceContents().contents()
        let file = try SafetensorsFile(path: reference.path)
        let memory = try SafetensorsFile(contents, name: "memory")
        #expect(contents.map(\.name).sorted() == file.tensors.keys.sorted())
        #expect(file.tensors.allSatisfy { memory.tensors[$0.key]?.shape == $0.value.shape })
        for name in ["b.f32", "a.f32", "halves", "doubles", "empty"] {
            #expect(try memory.floats(name).array == file.floats(name).array, "\(name)")
        }
        for name in ["words", "longs", "shorts"] {
            #expect(try memory.integers(name) == file.integers(name), "\(name)")
        }
        let error = #expect(throws: TokenReelError.self) { try SafetensorsFile(contents + contents, name: "memory") }
        #expect(error?.found.hasPrefix("two tensors") == true)
    }

    @Test func singlePrecisionStaysWhereItIs() throws {
        let numbers = TensorBuffer<Float>([1, 2, 3, 4])
        var writer = SafetensorsWriter()
        writer.add("here", shape: [2, 2], floats: numbers)
        let contents = writer.contents()
        let again = try SafetensorsFile(contents, name: "memory").floats("here")
        func address(_ buffer: TensorBuffer<Float>) -> UnsafePointer<Float>? { buffer.memory.baseAddress }
        #expect(address(again) == address(numbers))
        #expect(again.array == [1, 2, 3, 4])
    }

    @Test func readsWhatThePythonPackageWrote() throws {
        let file = try SafetensorsFile(path: reference.path)
        #expect(file.metadata == ["text": text])
        #expect(file.tensors.count == 8)
        #expect(try file.entry("b.f32").shape == [3, 4])
        #expect(try file.floats("b.f32").array == (-6..<6).map { Float(Double($0) / 7) })
        #expect(try file.floats("halves").array == (-6..<6).map { Float(Float16(Double($0) / 7)) })
        #expect(try file.doubles("doubles") == (-6..<6).map { Double($0) / 7 })
        #expect(try file.floats("doubles").array == (-6..<6).map { Float(Double($0) / 7) })
        #expect(try file.integers("words") == Array(-6..<6))
        #expect(try file.integers("longs") == (-6..<6).map { $0 * 1_000_000_000_000 })
        #expect(try file.integers("shorts") == Array(65530...65535))
        #expect(try file.floats("empty").count == 0)
        #expect(throws: TokenReelError.self) { try file.floats("words") }
        #expect(throws: TokenReelError.self) { try file.integers("halves") }
        #expect(throws: TokenReelError.self) { try file.floats("nothing") }
    }

    @Test func tensorsOutliveTheFile() throws {
        let scratch = try Scratch()
        let numbers = (0..<100_000).map { Float($0) }
        var writer = SafetensorsWriter()
        writer.add("a", shape: [numbers.count], numbers)
        try writer.write(to: scratch.path("a"))
        var file: SafetensorsFile? = try SafetensorsFile(path: scratch.path("a"))
        let tensor = try #require(try file?.floats("a"))
        file = nil
        #expect(tensor.array == numbers)
    }

    @Test func unalignedDataIsCopied() throws {
        let header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} "
        #expect(!header.utf8.count.isMultiple(of: 4))
        let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian, Array.init)
        let data = withUnsafeBytes(of: (Float(1.5), Float(-2)), Array.init)
        let file = try SafetensorsFile(bytes: length + Array(header.utf8) + data)
        #expect(try file.floats("a").array == [1.5, -2])
    }

    @Test func brainFloatsRoundToNearestEvenAndKeepNaN() throws {
        let scratch = try Scratch()
        // Halfway between two brain floats: up to even, then down to even; NaN whose payload is in the lower half.
        let numbers: [Float] = [
            Float(bitPattern: 0x3F81_8000), Float(bitPattern: 0x3F80_8000), Float(bitPattern: 0x3F80_8001),
            Float(bitPattern: 0x7F80_0001), .infinity, -.infinity, .greatestFiniteMagnitude, -0.0,
        ]
        var writer = SafetensorsWriter()
        writer.add("a", shape: [numbers.count], floats: TensorBuffer(numbers), as: .bf16)
        try writer.write(to: scratch.path("a"))
        let read = try SafetensorsFile(path: scratch.path("a")).floats("a").array
        #expect(
            read.map { $0.bitPattern >> 16 } == [0x3F82, 0x3F80, 0x3F81, 0x7FC0, 0x7F80, 0xFF80, 0x7F80, 0x8000])
    }

    @Test func replacingKeepsTheModeAndFollowsLinks() throws {
        let scratch = try Scratch()
        try Data("old".utf8).write(to: scratch.folder.appending(path: "file"))
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: scratch.path("file"))
        try FileManager.default.createSymbolicLink(atPath: scratch.path("link"), withDestinationPath: "file")
        try referenceContents().write(to: scratch.path("link"))
        #expect(scratch.names == ["file", "link"])
        #expect(try SafetensorsFile(path: scratch.path("file")).tensors.count == 8)
        let attributes = try FileManager.default.attributesOfItem(atPath: scratch.path("file"))
        #expect(attributes[.posixPermissions] as? Int == 0o640)
        let link = try FileManager.default.attributesOfItem(atPath: scratch.path("link"))
        #expect(link[.type] as? FileAttributeType == .typeSymbolicLink)
    }

    @Test func cancelledWriteLeavesTheOldFileAndNothingElse() throws {
        let scratch = try Scratch()
        try Data("old".utf8).write(to: scratch.folder.appending(path: "file"))
        let cancellation = Cancellation()
        cancellation.cancel()
        #expect { try referenceContents().write(to: scratch.path("file"), cancellation: cancellation) } throws: {
            ($0 as? TokenReelError)?.code == .cancelled
        }
        #expect(scratch.names == ["file"])
        #expect(try Data(contentsOf: scratch.folder.appending(path: "file")) == Data("old".utf8))
    }

    @Test func impossiblePlacesAreErrors() throws {
        let scratch = try Scratch()
        for path in [scratch.path("missing/file"), scratch.folder.path, ""] {
            #expect(throws: TokenReelError.self) { try referenceContents().write(to: path) }
        }
        for path in [scratch.path("missing"), scratch.folder.path, "/dev/null"] {
            #expect { try SafetensorsFile(path: path) } throws: {
                ($0 as? TokenReelError)?.code == .unreadableInput
            }
        }
        mkfifo(scratch.path("pipe"), 0o600)
        #expect(throws: TokenReelError.self) { try SafetensorsFile(path: scratch.path("pipe")) }
        #expect(scratch.names == ["pipe"])
        #expect { try referenceContents().write(to: "/dev/full") } throws: {
            ($0 as? TokenReelError)?.code == .inputOutput
        }
    }
}
