internal import CLibrary
internal import CTokenReel
internal import Safetensors
internal import TokenCore
internal import TokenReel

/// Reduced tokens as the tensors of the file that they would make, at addresses that hold until this object goes.
final class ReductionResult: @unchecked Sendable {
    // @unchecked Sendable holds because nothing is written after init, and only deinit releases the memory.
    let tensors: UnsafeMutableBufferPointer<tokenreel_tensor>
    /// `{"metadata": …, "report": …}`.
    let description: UnsafeMutablePointer<CChar>?

    private let sequence: TokenSequence
    private let metadata: [String: String]
    /// Owns what ``tensors`` point to.
    private let contents: [TensorContents]

    convenience init(_ reduced: ReducedInput) {
        self.init(reduced.sequence, metadata: reduced.metadata, report: reduced.report.json())
    }

    convenience init(_ segment: CommittedSegment) {
        self.init(segment.sequence, metadata: segment.metadata, report: segment.json)
    }

    init(_ sequence: TokenSequence, metadata: [String: String], report: JSONValue) {
        self.sequence = sequence
        self.metadata = metadata
        let file = sequence.contents(metadata, .f32)
        var contents = file.contents()
        if sequence.quantized != nil {
            let shape = [sequence.count, sequence.shape.channels]
            contents.append(TensorContents("tokens", .f32, shape, inPlace: sequence.tokens))
        }
        contents = contents.filter { $0.dtype.headerNumber != nil }
        self.contents = contents
        tensors = .allocate(capacity: contents.count)
        for (index, tensor) in contents.enumerated() {
            let shape = UnsafeMutableBufferPointer<Int64>.allocate(capacity: tensor.shape.count)
            _ = shape.initialize(from: tensor.shape.map(Int64.init))
            tensors.initializeElement(
                at: index,
                to: tokenreel_tensor(
                    name: strdup(tensor.name), data: tensor.bytes.memory.baseAddress, shape: shape.baseAddress,
                    strides: nil, rank: Int32(tensor.shape.count), dtype: tensor.dtype.headerNumber ?? 0))
        }
        description = strdup(JSONValue.members(["metadata": .metadata(file.metadata), "report": report]).text)
    }

    deinit {
        for tensor in tensors {
            free(UnsafeMutablePointer(mutating: tensor.name))
            tensor.shape?.deallocate()
        }
        tensors.deallocate()
        free(description)
    }

    /// Writes the file.
    func write(to path: String, _ dtype: TokenDType) throws(TokenReelError) {
        try sequence.write(to: path, metadata: metadata, dtype: dtype)
    }
}
