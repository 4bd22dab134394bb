package import TokenCore

/// One tensor in memory, as it would lie in a file.
package struct TensorContents: Sendable {
    /// What it is called.
    package let name: String
    /// Element type.
    package let dtype: DType
    /// Sizes, slowest first; empty for a single number.
    package let shape: [Int]
    /// The numbers, row-major and little-endian.
    package let bytes: TensorBuffer<UInt8>

    /// Puts a tensor together.
    ///
    /// - Precondition: The shape fits the bytes.
    package init(name: String, dtype: DType, shape: [Int], bytes: TensorBuffer<UInt8>) {
        precondition(shape.reduce(1, *) * dtype.bits == bytes.count * 8, "the shape must fit the bytes")
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.bytes = bytes
    }

    /// Numbers that stay where they are.
    package init(_ name: String, _ dtype: DType, _ shape: [Int], inPlace numbers: TensorBuffer<Float>) {
        let memory = UnsafeMutableRawBufferPointer(mutating: UnsafeRawBufferPointer(numbers.memory))
        let bytes = TensorBuffer(adopting: memory.bindMemory(to: UInt8.self)) { withExtendedLifetime(numbers) {} }
        self.init(name: name, dtype: dtype, shape: shape, bytes: bytes)
    }
}
