public import TokenCore

/// A safetensors file, checked when opened; the tensors are read from the mapped file when asked for.
///
/// Every rule of the format holds for a value of this type: the header is an object of distinct keys, each tensor's
/// bytes match its shape and dtype, and the tensors cover the data without gap or overlap. Three things the reference
/// reader lets pass are refused: white space before the object, a key that appears twice, and an array or null where
/// the format wants an object.
///
/// Source: the format's description at huggingface.co/docs/safetensors.
public final class SafetensorsFile: Sendable {
    /// The strings of `__metadata__`.
    public let metadata: [String: String]
    /// The tensors by name.
    public let tensors: [String: TensorEntry]

    /// The bytes of each tensor, where they lie.
    private let contents: [String: TensorBuffer<UInt8>]
    private let name: String

    /// Maps the file at `path`.
    ///
    /// The file must not be shortened while this object or a tensor from it is in use: reading past the new end would
    /// fault.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` for anything that breaks a rule of the format,
    ///   ``TokenReelError/Code/unsupportedInput`` for an unknown dtype, ``TokenReelError/Code/limitExceeded`` for a
    ///   header above 10 MB.
    public convenience init(path: String) throws(TokenReelError) {
        try self.init(FileBytes(mapping: path), name: path)
    }

    /// Maps an open file; the descriptor may be closed afterwards.
    ///
    /// - Parameter name: What errors call the file.
    public convenience init(descriptor: Int32, name: String) throws(TokenReelError) {
        try self.init(FileBytes(mapping: descriptor, named: name), name: name)
    }

    /// Reads a file that is in memory already.
    public convenience init(bytes: [UInt8]) throws(TokenReelError) {
        try self.init(FileBytes(bytes), name: "safetensors data")
    }

    private init(_ bytes: FileBytes, name: String) throws(TokenReelError) {
        func invalid(_ found: String, _ allowed: String) -> TokenReelError {
            TokenReelError(.unreadableInput, subject: name, found: found, allowed: allowed)
        }
        let memory = bytes.memory
        guard memory.count >= 8 else { throw invalid("\(memory.count) bytes", "a safetensors file of 8 or more") }
        let length = UInt64(littleEndian: memory.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(memory.count - 8) else {
            throw invalid("a header of \(length) bytes in a file of \(memory.count)", "a header within the file")
        }
        guard length <= UInt64(SafetensorsHeader.largest) else {
            throw TokenReelError(
                .limitExceeded, subject: name, found: "a header of \(length) bytes",
                allowed: "\(SafetensorsHeader.largest) bytes")
        }
        let start = 8 + Int(length)
        do {
            let header = try SafetensorsHeader(parsing: Array(memory[8..<start]), dataBytes: memory.count - start)
            metadata = header.metadata
            tensors = header.tensors
            let data = UnsafeMutableRawBufferPointer(mutating: memory)[start...]
            contents = tensors.mapValues { entry in
                let span = UnsafeMutableRawBufferPointer(
                    rebasing: data[start + entry.span.lowerBound..<start + entry.span.upperBound])
                return TensorBuffer(adopting: span.bindMemory(to: UInt8.self)) { withExtendedLifetime(bytes) {} }
            }
        } catch {
            throw TokenReelError(
                error.code, subject: name, found: "\(error.subject): \(error.found)", allowed: error.allowed)
        }
        self.name = name
    }

    /// Takes tensors that are in memory as if they came from a file; their bytes are not copied.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for a name that comes twice.
    package init(_ contents: [TensorContents], name: String) throws(TokenReelError) {
        var entries: [String: TensorEntry] = [:]
        var buffers: [String: TensorBuffer<UInt8>] = [:]
        for tensor in contents {
            guard entries[tensor.name] == nil else {
                throw TokenReelError(.invalidArgument, subject: name, found: "two tensors \"\(tensor.name)\"")
            }
            entries[tensor.name] = TensorEntry(
                dtype: tensor.dtype, shape: tensor.shape, span: 0..<tensor.bytes.count)
            buffers[tensor.name] = tensor.bytes
        }
        metadata = [:]
        tensors = entries
        self.contents = buffers
        self.name = name
    }

    /// The entry of a tensor that must be there.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` if there is none.
    public func entry(_ tensor: String) throws(TokenReelError) -> TensorEntry {
        guard let entry = tensors[tensor] else {
            throw TokenReelError(
                .unreadableInput, subject: name, found: "no tensor \"\(tensor)\"",
                allowed: "a file with \(tensors.keys.sorted().prefix(20).joined(separator: ", ")) and \(tensor)")
        }
        return entry
    }

    /// The numbers of a floating-point tensor in single precision, row-major.
    ///
    /// F32 that is aligned in memory is not copied; F16, BF16 and F64 are converted, F64 rounding to nearest.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` if there is no such tensor,
    ///   ``TokenReelError/Code/unsupportedInput`` if it does not hold floating-point numbers.
    public func floats(_ tensor: String) throws(TokenReelError) -> TensorBuffer<Float> {
        let entry = try entry(tensor)
        let memory = contents(of: tensor)
        switch entry.dtype {
        case .f32:
            if let aligned = adopted(tensor, memory) { return aligned }
            return converted(memory, from: UInt32.self) { Float(bitPattern: $0) }
        case .f16: return converted(memory, from: UInt16.self) { Float(Float16(bitPattern: $0)) }
        case .bf16: return converted(memory, from: UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
        case .f64: return converted(memory, from: UInt64.self) { Float(Double(bitPattern: $0)) }
        default: throw unexpected(tensor, entry, "F32, F16, BF16, F64")
        }
    }

    /// The numbers of an F64 or F32 tensor in double precision, row-major.
    ///
    /// - Throws: As ``floats(_:)``.
    public func doubles(_ tensor: String) throws(TokenReelError) -> [Double] {
        let entry = try entry(tensor)
        switch entry.dtype {
        case .f64: return converted(contents(of: tensor), from: UInt64.self) { Double(bitPattern: $0) }.array
        case .f32: return converted(contents(of: tensor), from: UInt32.self) { Double(Float(bitPattern: $0)) }.array
        default: throw unexpected(tensor, entry, "F64, F32")
        }
    }

    /// The bytes of a U8 tensor, row-major.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` if there is no such tensor,
    ///   ``TokenReelError/Code/unsupportedInput`` if it does not hold bytes.
    public func bytes(_ tensor: String) throws(TokenReelError) -> [UInt8] {
        let entry = try entry(tensor)
        guard entry.dtype == .u8 else { throw unexpected(tensor, entry, "U8") }
        return Array(contents(of: tensor))
    }

    /// The numbers of an integer tensor, row-major.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` if there is no such tensor or a U64 does not fit,
    ///   ``TokenReelError/Code/unsupportedInput`` if it does not hold integers.
    public func integers(_ tensor: String) throws(TokenReelError) -> [Int] {
        let entry = try entry(tensor)
        let memory = contents(of: tensor)
        switch entry.dtype {
        case .u8: return memory.map(Int.init)
        case .i8: return memory.map { Int(Int8(bitPattern: $0)) }
        case .u16: return converted(memory, from: UInt16.self) { Int($0) }.array
        case .i16: return converted(memory, from: UInt16.self) { Int(Int16(bitPattern: $0)) }.array
        case .u32: return converted(memory, from: UInt32.self) { Int($0) }.array
        case .i32: return converted(memory, from: UInt32.self) { Int(Int32(bitPattern: $0)) }.array
        case .i64: return converted(memory, from: UInt64.self) { Int(Int64(bitPattern: $0)) }.array
        case .u64:
            let words = converted(memory, from: UInt64.self) { $0 }.array
            guard words.allSatisfy({ $0 <= UInt64(Int.max) }) else {
                throw TokenReelError(
                    .unreadableInput, subject: name, found: "a number above \(Int.max) in tensor \"\(tensor)\"")
            }
            return words.map(Int.init)
        default: throw unexpected(tensor, entry, "an integer dtype")
        }
    }

    private func unexpected(_ tensor: String, _ entry: TensorEntry, _ allowed: String) -> TokenReelError {
        TokenReelError(
            .unsupportedInput, subject: name, found: "tensor \"\(tensor)\" of \(entry.dtype.rawValue)", allowed: allowed
        )
    }

    private func contents(of tensor: String) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(contents[tensor]?.memory ?? UnsafeBufferPointer(start: nil, count: 0))
    }

    /// The tensor in place, if the machine reads it as it is; the buffer keeps the file mapped.
    private func adopted(_ tensor: String, _ memory: UnsafeRawBufferPointer) -> TensorBuffer<Float>? {
        guard Int(littleEndian: 1) == 1, let base = memory.baseAddress,
            Int(bitPattern: base).isMultiple(of: MemoryLayout<Float>.alignment)
        else { return nil }
        let numbers = UnsafeMutableBufferPointer(mutating: memory.bindMemory(to: Float.self))
        return TensorBuffer(adopting: numbers) { [owner = contents[tensor]] in withExtendedLifetime(owner) {} }
    }

    private func converted<Word: FixedWidthInteger & BitwiseCopyable, Element>(
        _ memory: UnsafeRawBufferPointer, from word: Word.Type, _ convert: (Word) -> Element
    ) -> TensorBuffer<Element> {
        let width = MemoryLayout<Word>.size
        return TensorBuffer(count: memory.count / width) { output in
            for index in output.indices {
                let word = memory.loadUnaligned(fromByteOffset: index * width, as: Word.self)
                output.initializeElement(at: index, to: convert(Word(littleEndian: word)))
            }
        }
    }
}
