internal import TensorOps
public import TokenCore

/// VQ-Attention: a codebook read by queries that are made from the map of codes, with trained weights.
///
/// Source: VQToken (arXiv 2503.16980), `VQAttn.cross_attention_weighted_clusters`. Each frame's codes, taken as numbers,
/// go through a linear layer to one query; the codebook is the memory; the shorter of the two is repeated to the longer;
/// then one decoder layer: `x <- norm(x + selfAttention(x))`, `x <- norm(x + crossAttention(x, memory))`,
/// `x <- norm(x + W2 relu(W1 x))`. The paper has the roles of queries and codebook the other way round.
///
/// Shapes: codes `[T, N]`, codebook `[K, D]`, result `[max(T, K), D]`. Cost: O(M D (4 D + F)) for M results.
public struct CodebookAttention: Sendable {
    /// A linear layer, `y = x W^T + b`.
    public struct Layer: Sendable {
        fileprivate let weight: TensorBuffer<Float>
        fileprivate let bias: TensorBuffer<Float>

        /// `weight` is `[outputs, inputs]`, `bias` `[outputs]`.
        public init(weight: TensorBuffer<Float>, bias: TensorBuffer<Float>) {
            self.weight = weight
            self.bias = bias
        }

        fileprivate var outputs: Int { bias.count }

        fileprivate func callAsFunction(_ input: [Float], _ part: Range<Int>? = nil) -> [Float] {
            let part = part ?? 0..<outputs
            let inputs = weight.count / outputs
            var output = weight.withRows(part, channels: inputs) { weight in
                input.withUnsafeBufferPointer {
                    Matrix.products($0, rows: input.count / inputs, weight, rows: part.count, channels: inputs)
                }
            }
            bias.withUnsafeBufferPointer { bias in
                for index in output.indices { output[index] += bias[part.lowerBound + index % part.count] }
            }
            return output
        }
    }

    /// Weights of one attention: `input` makes queries, keys and values, `[3 D, D]`; `output` is `[D, D]`.
    public struct Attention: Sendable {
        let input: Layer
        let output: Layer

        /// Joins the two layers.
        public init(input: Layer, output: Layer) {
            self.input = input
            self.output = output
        }
    }

    private let query: Layer
    private let selfAttention: Attention
    private let crossAttention: Attention
    private let expand: Layer
    private let contract: Layer
    private let norms: [Layer]
    private let heads: Int

    private static let epsilon: Float = 1e-5

    /// Joins trained layers.
    ///
    /// - Parameters:
    ///   - query: From the codes of a frame to a token.
    ///   - norms: Gain and bias of the three norms, as `weight` and `bias`.
    ///   - heads: Heads of both attentions; D is a multiple.
    public init(
        query: Layer, selfAttention: Attention, crossAttention: Attention, expand: Layer, contract: Layer,
        norms: [Layer], heads: Int
    ) {
        precondition(norms.count == 3 && query.outputs.isMultiple(of: heads), "three norms, and whole heads")
        self.query = query
        self.selfAttention = selfAttention
        self.crossAttention = crossAttention
        self.expand = expand
        self.contract = contract
        self.norms = norms
        self.heads = heads
    }

    /// `[max(T, K), D]`: the tokens for codes `[T, N]` and their codebook `[K, D]`.
    public func tokens(codes: [Int32], codebook: TensorBuffer<Float>) -> TensorBuffer<Float> {
        let channels = query.outputs
        let queries = query(codes.map(Float.init))
        let count = max(queries.count, codebook.count) / channels
        let memory = Self.repeated(codebook.array, to: count, channels)
        var states = Self.repeated(queries, to: count, channels)
        states = normalized(states, plus: attend(states, states, selfAttention), norms[0])
        states = normalized(states, plus: attend(states, memory, crossAttention), norms[1])
        states = normalized(states, plus: contract(expand(states).map { max($0, 0) }), norms[2])
        return TensorBuffer(states)
    }

    private static func repeated(_ rows: [Float], to count: Int, _ channels: Int) -> [Float] {
        (0..<count * channels).map { rows[$0 % rows.count] }
    }

    /// Multi-head attention of the rows of `states` to those of `memory`.
    private func attend(_ states: [Float], _ memory: [Float], _ weights: Attention) -> [Float] {
        let channels = query.outputs
        let width = channels / heads
        let scale = 1 / Float(width).squareRoot()
        var queries = weights.input(states, 0..<channels)
        for index in queries.indices { queries[index] *= scale }
        let keys = weights.input(memory, channels..<2 * channels)
        let values = weights.input(memory, 2 * channels..<3 * channels)
        let (rows, columns) = (states.count / channels, memory.count / channels)
        var scores = [Float](repeating: 0, count: rows * columns)
        var context = [Float](repeating: 0, count: states.count)
        queries.withUnsafeBufferPointer { queries in
            keys.withUnsafeBufferPointer { keys in
                values.withUnsafeBufferPointer { values in
                    scores.withUnsafeMutableBufferPointer { scores in
                        context.withUnsafeMutableBufferPointer { context in
                            guard let q = queries.baseAddress, let k = keys.baseAddress, let v = values.baseAddress,
                                let s = scores.baseAddress, let c = context.baseAddress
                            else { return }
                            let table = MutableMatrixView(s, rows: rows, columns: columns)
                            for head in 0..<heads {
                                let first = head * width
                                Matrix.multiply(
                                    MatrixView(q + first, rows: rows, columns: width, stride: channels),
                                    transposed: MatrixView(k + first, rows: columns, columns: width, stride: channels),
                                    into: table)
                                RowPass.softmax(table)
                                Matrix.multiply(
                                    table.readOnly,
                                    MatrixView(v + first, rows: columns, columns: width, stride: channels),
                                    into: MutableMatrixView(c + first, rows: rows, columns: width, stride: channels))
                            }
                        }
                    }
                }
            }
        }
        return weights.output(context)
    }

    private func normalized(_ states: [Float], plus change: [Float], _ norm: Layer) -> [Float] {
        var sums = zip(states, change).map { $0 + $1 }
        let channels = norm.outputs
        sums.withUnsafeMutableBufferPointer { sums in
            norm.weight.withUnsafeBufferPointer { gain in
                norm.bias.withUnsafeBufferPointer { bias in
                    guard let base = sums.baseAddress, let gain = gain.baseAddress, let bias = bias.baseAddress else {
                        return
                    }
                    let view = MutableMatrixView(base, rows: sums.count / channels, columns: channels)
                    RowPass.layerNorm(view.readOnly, gain: gain, bias: bias, epsilon: Self.epsilon, into: view)
                }
            }
        }
        return sums
    }
}
