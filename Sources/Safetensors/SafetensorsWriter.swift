public import TokenCore

/// Collects tensors and strings, and writes them as one safetensors file.
///
/// Equal contents give equal bytes: tensors are laid out as the reference writer does, widest dtype first and then by
/// name, metadata keys ascend, and the header is padded with spaces so that the data starts at a multiple of 8.
/// Numbers are converted while they are written, so nothing is held twice.
public struct SafetensorsWriter: Sendable {
    /// The strings of `__metadata__`.
    public var metadata: [String: String]

    private struct Tensor: Sendable {
        let dtype: DType
        let shape: [Int]
        let count: Int
        /// The same numbers in memory, where that is how they are stored.
        var floats: TensorBuffer<Float>?
        /// Appends the bytes of a range of elements.
        let encode: @Sendable (Range<Int>, inout [UInt8]) -> Void
    }
    private var tensors: [String: Tensor] = [:]

    /// Elements converted and written at a time.
    private static let stride = 1 << 16

    /// Starts a file without tensors.
    public init(metadata: [String: String] = [:]) { self.metadata = metadata }

    /// Adds floating-point numbers, to be stored as F32, F16 or BF16, rounding to nearest even.
    ///
    /// - Precondition: The shape fits the numbers, and `dtype` is one of the three.
    public mutating func add(_ name: String, shape: [Int], floats: TensorBuffer<Float>, as dtype: DType = .f32) {
        precondition([.f32, .f16, .bf16].contains(dtype), "floats are stored as F32, F16 or BF16")
        put(name, dtype, shape, floats.count, inPlace: dtype == .f32 ? floats : nil) { range, bytes in
            floats.withUnsafeBufferPointer { numbers in
                switch dtype {
                case .f16: Self.append(range, to: &bytes) { Float16(numbers[$0]).bitPattern }
                case .bf16: Self.append(range, to: &bytes) { Self.brainFloat(numbers[$0]) }
                default: Self.append(range, to: &bytes) { numbers[$0].bitPattern }
                }
            }
        }
    }

    /// Adds F32 numbers.
    ///
    /// - Precondition: The shape fits the numbers.
    public mutating func add(_ name: String, shape: [Int], _ numbers: [Float]) {
        put(name, .f32, shape, numbers.count) { Self.append($0, to: &$1) { numbers[$0].bitPattern } }
    }

    /// Adds F64 numbers.
    ///
    /// - Precondition: The shape fits the numbers.
    public mutating func add(_ name: String, shape: [Int], _ numbers: [Double]) {
        put(name, .f64, shape, numbers.count) { Self.append($0, to: &$1) { numbers[$0].bitPattern } }
    }

    /// Adds bytes.
    ///
    /// - Precondition: The shape fits the numbers.
    public mutating func add(_ name: String, shape: [Int], _ bytes: [UInt8]) {
        put(name, .u8, shape, bytes.count) { Self.append($0, to: &$1) { bytes[$0] } }
    }

    /// Adds U16 numbers.
    ///
    /// - Precondition: The shape fits the numbers.
    public mutating func add(_ name: String, shape: [Int], _ numbers: [UInt16]) {
        put(name, .u16, shape, numbers.count) { Self.append($0, to: &$1) { numbers[$0] } }
    }

    /// Adds I32 numbers.
    ///
    /// - Precondition: The shape fits the numbers.
    public mutating func add(_ name: String, shape: [Int], _ numbers: [Int32]) {
        put(name, .i32, shape, numbers.count) { Self.append($0, to: &$1) { numbers[$0] } }
    }

    /// Adds I64 numbers.
    ///
    /// - Precondition: The shape fits the numbers.
    public mutating func add(_ name: String, shape: [Int], _ numbers: [Int64]) {
        put(name, .i64, shape, numbers.count) { Self.append($0, to: &$1) { numbers[$0] } }
    }

    private mutating func put(
        _ name: String, _ dtype: DType, _ shape: [Int], _ count: Int, inPlace floats: TensorBuffer<Float>? = nil,
        encode: @escaping @Sendable (Range<Int>, inout [UInt8]) -> Void
    ) {
        precondition(shape.reduce(1, *) == count, "the shape must fit the numbers")
        precondition(name != "__metadata__" && tensors[name] == nil, "tensor names are distinct")
        tensors[name] = Tensor(dtype: dtype, shape: shape, count: count, floats: floats, encode: encode)
    }

    // MARK: Writing

    /// Writes the file so that at any moment `path` holds either what was there before or the whole new file.
    ///
    /// - Throws: ``TokenReelError/Code/inputOutput`` if the system refuses, ``TokenReelError/Code/cancelled``; in both
    ///   cases nothing is left behind.
    public func write(to path: String, cancellation: Cancellation? = nil) throws(TokenReelError) {
        let file = try AtomicFile.create(path)
        do {
            try write(to: file.descriptor, cancellation: cancellation)
        } catch {
            throw error.about(error.code == .inputOutput ? path : error.subject)
        }
        try file.commit()
    }

    /// Writes the same bytes to an open descriptor, which may be a pipe.
    ///
    /// - Throws: ``TokenReelError/Code/inputOutput`` if the system refuses, ``TokenReelError/Code/outputClosed`` if
    ///   nobody reads the pipe any more, ``TokenReelError/Code/cancelled``.
    public func write(to descriptor: Int32, cancellation: Cancellation? = nil) throws(TokenReelError) {
        let inOrder = inOrder
        try Descriptor.write(header(inOrder), to: descriptor, subject: "output")
        var bytes: [UInt8] = []
        for (_, tensor) in inOrder {
            for start in Swift.stride(from: 0, to: tensor.count, by: Self.stride) {
                try cancellation?.check()
                bytes.removeAll(keepingCapacity: true)
                tensor.encode(start..<min(start + Self.stride, tensor.count), &bytes)
                try Descriptor.write(bytes, to: descriptor, subject: "output")
            }
        }
    }

    /// The tensors as a reader of the file would find them, in its order; single-precision numbers that came as a buffer
    /// stay where they are.
    package func contents() -> [TensorContents] {
        inOrder.map { name, tensor in
            if let floats = tensor.floats, Int(littleEndian: 1) == 1 {
                return TensorContents(name, tensor.dtype, tensor.shape, inPlace: floats)
            }
            var bytes: [UInt8] = []
            tensor.encode(0..<tensor.count, &bytes)
            return TensorContents(name: name, dtype: tensor.dtype, shape: tensor.shape, bytes: TensorBuffer(bytes))
        }
    }

    /// Bytes that the file takes.
    package var byteCount: Int {
        let inOrder = inOrder
        return header(inOrder).count + inOrder.reduce(0) { $0 + $1.value.count * $1.value.dtype.bits / 8 }
    }

    private var inOrder: [(key: String, value: Tensor)] {
        tensors.sorted { a, b in
            a.value.dtype == b.value.dtype
                ? a.key.utf8.lexicographicallyPrecedes(b.key.utf8) : a.value.dtype.rank > b.value.dtype.rank
        }
    }

    private func header(_ inOrder: [(key: String, value: Tensor)]) -> [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            members.append(
                "\"__metadata__\":{\(pairs.map { Self.quoted($0.key) + ":" + Self.quoted($0.value) }.joined(separator: ","))}"
            )
        }
        var start = 0
        for (name, tensor) in inOrder {
            let end = start + tensor.count * tensor.dtype.bits / 8
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                Self.quoted(name)
                    + ":{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[\(start),\(end)]}"
            )
            start = end
        }
        var text = Array("{\(members.joined(separator: ","))}".utf8)
        text.append(contentsOf: repeatElement(0x20, count: (8 - text.count % 8) % 8))
        return withUnsafeBytes(of: UInt64(text.count).littleEndian, Array.init) + text
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\u{8}": quoted += "\\b"
            case "\u{C}": quoted += "\\f"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case "\0"..<" ":
                quoted += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    private static func append<Word: FixedWidthInteger & BitwiseCopyable>(
        _ range: Range<Int>, to bytes: inout [UInt8], _ word: (Int) -> Word
    ) {
        let width = MemoryLayout<Word>.size
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: range.count * width))
        bytes.withUnsafeMutableBytes { bytes in
            for (place, index) in range.enumerated() {
                bytes.storeBytes(of: word(index).littleEndian, toByteOffset: start + place * width, as: Word.self)
            }
        }
    }

    /// The nearest brain float, ties to even.
    ///
    /// NaN stays NaN: rounding its bits up could carry into infinity.
    private static func brainFloat(_ number: Float) -> UInt16 {
        let bits = number.bitPattern
        if number.isNaN { return UInt16(bits >> 16) | 0x40 }
        return UInt16((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
    }
}
