internal import CTokenReel
internal import Safetensors
internal import TokenCore

extension SafetensorsFile {
    /// The tensors that a program hands over, in the place of a file's.
    ///
    /// Those without gaps are read where they lie, so none may be used after the call.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument``.
    convenience init(_ tensors: UnsafePointer<tokenreel_tensor>?, count: Int) throws(TokenReelError) {
        guard 0...Self.mostArguments ~= count else {
            throw TokenReelError(
                .invalidArgument, subject: "count", found: "\(count) tensors", allowed: "up to \(Self.mostArguments)")
        }
        let tensors = UnsafeBufferPointer(start: count == 0 ? nil : try required(tensors, "tensors"), count: count)
        var contents: [TensorContents] = []
        for tensor in tensors { contents.append(try TensorContents(tensor)) }
        try self.init(contents, name: "tensors")
    }

    private static var mostArguments: Int { 64 }
}

extension TensorContents {
    private static let mostDimensions = 8

    fileprivate init(_ tensor: tokenreel_tensor) throws(TokenReelError) {
        let name = try text(tensor.name, "name of a tensor")
        func invalid(_ found: String, _ allowed: String) -> TokenReelError {
            TokenReelError(.invalidArgument, subject: "tensor \"\(name)\"", found: found, allowed: allowed)
        }
        guard let dtype = DType(header: Int(tensor.dtype)) else {
            throw invalid(
                "dtype \(tensor.dtype)", "a TOKENREEL_ dtype, such as TOKENREEL_F32, which is \(TOKENREEL_F32)")
        }
        let rank = Int(tensor.rank)
        guard 0...Self.mostDimensions ~= rank else {
            throw invalid("\(rank) dimensions", "up to \(Self.mostDimensions)")
        }
        guard rank == 0 || tensor.shape != nil else { throw invalid("no shape", "\(rank) sizes") }
        let shape = UnsafeBufferPointer(start: tensor.shape, count: rank).map { Int($0) }
        let width = dtype.bits / 8
        guard let size = Self.byteCount(shape, width) else {
            throw invalid("shape \(shape)", "sizes of 0 or more whose numbers fit memory")
        }
        guard size > 0 else {
            self.init(name: name, dtype: dtype, shape: shape, bytes: TensorBuffer([]))
            return
        }
        guard let data = tensor.data else { throw invalid("NULL for \(size) bytes", "a pointer to them") }
        let strides = tensor.strides.map { UnsafeBufferPointer(start: $0, count: rank).map { Int($0) } }
        if let strides, !Self.isRowMajor(strides, shape) {
            guard Self.fitsMemory(strides, shape, width) else {
                throw invalid("strides \(strides)", "distances within memory")
            }
            let bytes = Self.gather(data, shape: shape, strides: strides, width: width, size: size)
            self.init(name: name, dtype: dtype, shape: shape, bytes: bytes)
        } else {
            let memory = UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(mutating: data), count: size)
            let bytes = TensorBuffer(adopting: memory.bindMemory(to: UInt8.self)) {}
            self.init(name: name, dtype: dtype, shape: shape, bytes: bytes)
        }
    }

    private static func byteCount(_ shape: [Int], _ width: Int) -> Int? {
        guard shape.allSatisfy({ $0 >= 0 }) else { return nil }
        if shape.contains(0) { return 0 }
        return shape.reduce(width) { size, side -> Int? in
            guard let (product, overflow) = size?.multipliedReportingOverflow(by: side), !overflow else { return nil }
            return product
        }
    }

    /// Whether elements follow each other as the shape alone says; sides of 1 have no next index.
    private static func isRowMajor(_ strides: [Int], _ shape: [Int]) -> Bool {
        var expected = 1
        for (stride, side) in zip(strides, shape).reversed() where side > 1 {
            guard stride == expected else { return false }
            expected *= side
        }
        return true
    }

    /// Whether every element is at a distance that an address can have.
    private static func fitsMemory(_ strides: [Int], _ shape: [Int], _ width: Int) -> Bool {
        // The sides' product fits Int, so the sum of these products fits 127 bits.
        let farthest = zip(strides, shape).reduce(Int128(0)) { $0 + Int128($1.0.magnitude) * Int128($1.1 - 1) }
        return farthest <= Int128(Int.max / width)
    }

    /// A copy without gaps.
    private static func gather(
        _ data: UnsafeRawPointer, shape: [Int], strides: [Int], width: Int, size: Int
    ) -> TensorBuffer<UInt8> {
        // What lies together is copied in one go.
        var run = 1
        var outer = shape.count
        while outer > 0, shape[outer - 1] == 1 || strides[outer - 1] == run {
            outer -= 1
            run *= shape[outer]
        }
        return TensorBuffer(count: size) { output in
            let output = UnsafeMutableRawBufferPointer(output)
            var index = [Int](repeating: 0, count: outer)
            var source = 0
            for start in stride(from: 0, to: size, by: run * width) {
                let bytes = UnsafeRawBufferPointer(start: data + source * width, count: run * width)
                UnsafeMutableRawBufferPointer(rebasing: output[start..<start + run * width]).copyMemory(from: bytes)
                var dimension = outer - 1
                while dimension >= 0 {
                    index[dimension] += 1
                    source &+= strides[dimension]
                    if index[dimension] < shape[dimension] { break }
                    // Wrapping, since one step beyond the last element may lie beyond all addresses.
                    source &-= strides[dimension] &* shape[dimension]
                    index[dimension] = 0
                    dimension -= 1
                }
            }
        }
    }
}

extension DType {
    private static let inHeader: [(Int, DType)] = [
        (TOKENREEL_F32, .f32), (TOKENREEL_F64, .f64), (TOKENREEL_F16, .f16), (TOKENREEL_BF16, .bf16),
        (TOKENREEL_U8, .u8), (TOKENREEL_I8, .i8), (TOKENREEL_U16, .u16), (TOKENREEL_I16, .i16),
        (TOKENREEL_U32, .u32), (TOKENREEL_I32, .i32), (TOKENREEL_U64, .u64), (TOKENREEL_I64, .i64),
    ].map { (Int($0), $1) }

    /// The type of that number in the header.
    fileprivate init?(header number: Int) {
        guard let known = Self.inHeader.first(where: { $0.0 == number }) else { return nil }
        self = known.1
    }

    /// The number in the header; nil for types that tensors made here don't have.
    var headerNumber: Int32? { Self.inHeader.first { $0.1 == self }.map { Int32($0.0) } }
}
