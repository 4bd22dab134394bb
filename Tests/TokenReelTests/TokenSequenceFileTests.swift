import Foundation
import Safetensors
import TestSupport
import Testing
import TokenCore
import TokenReduction
import TokenReel

/// Tokens with everything a file can hold, small enough to reason about.
enum SmallSequence {
    static func grid() throws -> TokenGrid {
        let shape = try GridShape(frames: 6, rows: 3, columns: 4, channels: 8)
        // Distinct, and exact in half precision.
        let values = (0..<shape.elementCount).map { Float(($0 * 37) % 101) / 8 - 6 }
        return try TokenGrid(
            shape: shape, values: TensorBuffer(values), frameTimes: (0..<6).map { Double($0) / 3 },
            saliency: (0..<shape.tokenCount).map { Float($0 % 7) }, newline: (0..<8).map { Float($0) / 3 },
            deepstack: [2, 4].map { scale in TensorBuffer(values.map { $0 * scale }) })
    }

    static func sequence() throws -> TokenSequence {
        let grid = try grid()
        var request = ReductionRequest(budget: .tokens(10))
        request.query = try Query(vectors: Array(repeating: 1, count: 8), channels: 8)
        request.codebook = .fixed(4)
        return TokenSequence(try RecipeRegistry.recipe().reduce(grid, request), of: grid)
    }
}

@Suite struct TokenSequenceFileTests {
    @Test(arguments: TokenDType.allCases)
    func everythingComesBack(dtype: TokenDType) throws {
        let scratch = try ScratchFolder()
        let sequence = try SmallSequence.sequence()
        try sequence.write(to: scratch.path("a"), metadata: ["source": "x"], dtype: dtype)
        let file = try TokenSequenceFile(path: scratch.path("a"))
        #expect(file.dtype == dtype)
        #expect(file.metadata["source"] == "x")
        #expect(file.metadata["format"] == "tokenreel/1")
        let read = file.sequence
        #expect(read.shape == sequence.shape)
        #expect(read.plan == sequence.plan)
        #expect(read.segments == sequence.segments)
        #expect(read.frameTimes == sequence.frameTimes)
        #expect(read.relevance == sequence.relevance)
        #expect(read.codes == sequence.codes)
        #expect(read.codebook?.array == sequence.codebook?.array)
        #expect(read.newline == sequence.newline && read.newline?.count == 8)
        // The same weights make of doubled tokens doubled tokens, and doubling is exact.
        #expect(read.deepstack.count == 2)
        for (stream, scale) in zip(read.deepstack, [2, 4] as [Float]) {
            #expect(stream.array == read.tokens.array.map { $0 * scale })
        }
        #expect(sequence.codes != nil && sequence.relevance != nil)
        let tolerance: Float = [.f16: 1e-3, .bf16: 1e-2, .f32: 0][dtype] ?? 0
        for (stored, computed) in zip(read.tokens.array, sequence.tokens.array) {
            #expect(abs(stored - computed) <= tolerance * max(abs(computed), 0.1))
        }
    }

    @Test func bytesDependOnContentsOnly() throws {
        let scratch = try ScratchFolder()
        for name in ["a", "b"] {
            try SmallSequence.sequence().write(to: scratch.path(name), metadata: ["y": "1", "x": "2", "z": "3"])
        }
        #expect(try scratch.bytes("a") == scratch.bytes("b"))
    }

    @Test func derivedTensorsAreThoseOfThePlan() throws {
        let scratch = try ScratchFolder()
        let sequence = try SmallSequence.sequence()
        try sequence.write(to: scratch.path("a"))
        let file = try SafetensorsFile(path: scratch.path("a"))
        let positions = try file.integers("positions")
        let times = try file.doubles("timestamps")
        for row in 0..<sequence.count {
            let anchor = Int(sequence.plan.anchors[row])
            #expect(Array(positions[3 * row..<3 * row + 3]) == [anchor / 12, anchor % 12 / 4, anchor % 4])
            #expect(times[row] == Double(anchor / 12) / 3)
        }
        #expect(try file.entry("codes").dtype == .u16)
        #expect(try file.entry("plan.offsets").dtype == .i64)
        #expect(try file.entry("owners").shape == [6, 3, 4])
    }

    /// What goes wrong when each tensor is missing, has another shape, or holds other numbers.
    @Test func everyContradictionIsATypedError() throws {
        let scratch = try ScratchFolder()
        try SmallSequence.sequence().write(to: scratch.path("good"), dtype: .f32)
        let good = try SafetensorsFile(path: scratch.path("good"))
        let optional: Set = ["relevance", "codebook", "newline", "deepstack.1"]
        for victim in good.tensors.keys.sorted() {
            for damage in Damage.allCases {
                // Any tokens, weights, relevance, codebook or newline of the right shape are as good as others.
                let isFree = optional.union(["tokens", "deepstack.0", "plan.weights"]).contains(victim)
                if damage == .otherNumbers, isFree { continue }
                if damage == .missing, optional.contains(victim) { continue }
                try damage.apply(to: victim, of: good).write(to: scratch.path("bad"))
                #expect(throws: TokenReelError.self, "\(victim) \(damage)") {
                    try TokenSequenceFile(path: scratch.path("bad"))
                }
            }
        }
    }

    private enum Damage: CaseIterable {
        case missing, otherShape, otherNumbers, otherType

        func apply(to victim: String, of file: SafetensorsFile) throws -> SafetensorsWriter {
            var writer = SafetensorsWriter(metadata: file.metadata)
            for (name, entry) in file.tensors {
                if name == victim, self == .missing { continue }
                let shape = name == victim && self == .otherShape ? entry.shape + [1] : entry.shape
                let change = name == victim && self == .otherNumbers ? 1 : 0
                if name == victim, self == .otherType {
                    // Bytes are neither tokens nor indices nor times.
                    let isInteger = [.i32, .i64, .u16].contains(entry.dtype)
                    if isInteger {
                        writer.add(name, shape: shape, [Float](repeating: 0, count: entry.count))
                    } else {
                        writer.add(name, shape: shape, [Int32](repeating: 0, count: entry.count))
                    }
                    continue
                }
                switch entry.dtype {
                case .f64: writer.add(name, shape: shape, try file.doubles(name).map { $0 + Double(change) })
                case .f32: writer.add(name, shape: shape, try file.floats(name).array.map { $0 + Float(change) })
                case .i64: writer.add(name, shape: shape, try file.integers(name).map { Int64($0 + change) })
                case .u16: writer.add(name, shape: shape, try file.integers(name).map { UInt16($0 + 9 * change) })
                default: writer.add(name, shape: shape, try file.integers(name).map { Int32($0 + 90 * change) })
                }
            }
            return writer
        }
    }

    @Test func otherFormatsAreNamed() throws {
        let scratch = try ScratchFolder()
        try SmallSequence.grid().write(to: scratch.path("grid"))
        #expect { try TokenSequenceFile(path: scratch.path("grid")) } throws: {
            ($0 as? TokenReelError)?.code == .unsupportedInput
        }
        try SmallSequence.sequence().write(to: scratch.path("tokens"))
        #expect { try TokenGridFile(path: scratch.path("tokens")) } throws: {
            ($0 as? TokenReelError)?.found == "tokens that are reduced already"
        }
    }

    @Test func valuesBeyondHalfPrecisionAreCounted() throws {
        let shape = try GridShape(frames: 1, rows: 1, columns: 2, channels: 2)
        let grid = try TokenGrid(shape: shape, values: TensorBuffer([65504, 65520, -1e9, 1]), frameTimes: [0])
        let reduction = try RecipeRegistry.recipe(named: "evs").reduce(grid, ReductionRequest(budget: .ratio(1)))
        #expect(TokenSequence(reduction, of: grid).valuesBeyondHalf == 2)
    }

    private static let python = PythonWithSafetensors.find()

    @Test(.enabled(if: python != nil, "needs a python3 with the packages safetensors and numpy"))
    func pythonReadsTheSameNumbers() throws {
        let python = try #require(Self.python)
        let scratch = try ScratchFolder()
        let sequence = try SmallSequence.sequence()
        try sequence.write(to: scratch.path("a"), metadata: ["source": "naïve \"name\"\n"], dtype: .f32)
        let program = """
            import sys, json
            from safetensors import safe_open
            with safe_open(sys.argv[1], "np") as f:
                t = {k: f.get_tensor(k) for k in f.keys()}
                print(json.dumps({"tokens": t["tokens"].flatten().tolist(), "anchors": t["positions"].tolist(),
                    "names": sorted(t), "source": f.metadata()["source"],
                    "owned": int((t["owners"] >= 0).sum()), "sizes": float(t["sizes"].sum())}))
            """
        let output = try python.run(program, [scratch.path("a")])
        let object = try #require(try JSONSerialization.jsonObject(with: output) as? [String: Any])
        #expect((object["tokens"] as? [Double])?.map { Float($0) } == sequence.tokens.array)
        #expect((object["anchors"] as? [[Int]])?.flatMap { $0 } == sequence.positions.map { Int($0) })
        #expect(object["source"] as? String == "naïve \"name\"\n")
        #expect(object["owned"] as? Int == sequence.plan.owners.count { $0 >= 0 })
        #expect(object["sizes"] as? Double == Double(sequence.plan.sources.count))
    }
}

/// A Python that can read the format: the one TOKENREEL_PYTHON names, or python3.
struct PythonWithSafetensors {
    let command: String

    static func find() -> PythonWithSafetensors? {
        let named = ProcessInfo.processInfo.environment["TOKENREEL_PYTHON"] ?? "python3"
        let python = PythonWithSafetensors(command: named)
        return (try? python.run("import numpy, safetensors; print(1)", [])).map { _ in python }
    }

    func run(_ program: String, _ arguments: [String]) throws -> Data {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [command, "-c", program] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.featureUnsupported) }
        return data
    }
}
