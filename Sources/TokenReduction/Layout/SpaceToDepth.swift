public import TokenCore

/// Blocks of neighbouring tokens as one long token each, without loss.
///
/// Source: Token-Shuffle (arXiv 2504.17789), without its trained compression: the `side x side` tokens of a block follow
/// one another, row by row, in the channels of one token, `[T, H, W, D]` to `[T, H/s, W/s, s² D]`. The inverse gives the
/// same bits back. A reader has to know the side, since the number of channels changes.
public struct SpaceToDepth: Sendable {
    /// Tokens along each side of a block.
    public let side: Int

    /// Blocks of `side x side` tokens.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for a side below 1.
    public init(side: Int) throws(TokenReelError) {
        guard side >= 1 else {
            throw TokenReelError(.invalidArgument, subject: "shuffle", found: "\(side)", allowed: "1 or more")
        }
        self.side = side
    }

    /// The shape of what ``stacked(_:shape:)`` gives.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` unless rows and columns are multiples of the side.
    public func stackedShape(of shape: GridShape) throws(TokenReelError) -> GridShape {
        guard shape.rows.isMultiple(of: side), shape.columns.isMultiple(of: side) else {
            throw TokenReelError(
                .invalidArgument, subject: "shuffle", found: "\(shape.rows) x \(shape.columns) tokens",
                allowed: "rows and columns in multiples of \(side)")
        }
        return try GridShape(
            frames: shape.frames, rows: shape.rows / side, columns: shape.columns / side,
            channels: shape.channels * side * side)
    }

    /// One long token for each block.
    ///
    /// - Throws: As ``stackedShape(of:)``.
    public func stacked(_ values: TensorBuffer<Float>, shape: GridShape) throws(TokenReelError) -> TensorBuffer<Float> {
        _ = try stackedShape(of: shape)
        return moved(values, wide: shape) { ($1, $0) }
    }

    /// The tokens of `shape` that were stacked.
    ///
    /// - Throws: As ``stackedShape(of:)``.
    public func unstacked(_ values: TensorBuffer<Float>, to shape: GridShape) throws(TokenReelError) -> TensorBuffer<
        Float
    > {
        _ = try stackedShape(of: shape)
        return moved(values, wide: shape) { ($0, $1) }
    }

    /// `[T, H/s, W/s]` means over the blocks of numbers `[T, H, W]`.
    fileprivate func blockMeans(_ values: [Float], shape: GridShape) throws(TokenReelError) -> [Float] {
        let single = try GridShape(frames: shape.frames, rows: shape.rows, columns: shape.columns, channels: 1)
        let blocks = try stacked(TensorBuffer(values), shape: single).array
        let size = side * side
        return stride(from: 0, to: blocks.count, by: size).map { first in
            blocks[first..<first + size].reduce(0, +) / Float(size)
        }
    }

    /// Copies each token between its place in the grid and its place in its block; `order` says from which to which, as
    /// (target, source) of (place in the grid, place in the block).
    private func moved(
        _ values: TensorBuffer<Float>, wide shape: GridShape, _ order: (Int, Int) -> (target: Int, source: Int)
    ) -> TensorBuffer<Float> {
        precondition(values.count == shape.elementCount, "the values must fit the shape")
        let channels = shape.channels
        return values.withUnsafeBufferPointer { input in
            TensorBuffer(count: values.count) { output in
                guard let from = input.baseAddress, let to = output.baseAddress else { return }
                for token in 0..<shape.tokenCount {
                    let (line, column) = token.quotientAndRemainder(dividingBy: shape.columns)
                    let (frame, row) = line.quotientAndRemainder(dividingBy: shape.rows)
                    let block =
                        (frame * (shape.rows / side) + row / side) * (shape.columns / side) + column / side
                    let inBlock = (block * side + row % side) * side + column % side
                    let place = order(token, inBlock)
                    (to + place.target * channels).initialize(from: from + place.source * channels, count: channels)
                }
            }
        }
    }
}

extension TokenGrid {
    /// The grid with blocks of tokens as one long token each.
    ///
    /// Tokens, their further streams and patch embeddings are stacked without loss; a signal that is one number for each
    /// token becomes its mean over the block.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` unless rows and columns are multiples of the side.
    public func stacked(by layout: SpaceToDepth) throws(TokenReelError) -> TokenGrid {
        var embeddings: TensorBuffer<Float>?
        if let patchEmbeddings, patchEmbeddingChannels > 0 {
            let wide = try GridShape(
                frames: shape.frames, rows: shape.rows, columns: shape.columns, channels: patchEmbeddingChannels)
            embeddings = try layout.stacked(patchEmbeddings, shape: wide)
        }
        var means: [Signal: TokenMap] = [:]
        for (signal, map) in maps {
            var values: [Float] = []
            for layer in 0..<map.layers {
                let tokens = layer * shape.tokenCount..<(layer + 1) * shape.tokenCount
                values += try layout.blockMeans(Array(map.values[tokens]), shape: shape)
            }
            means[signal] = TokenMap(layers: map.layers, values: values)
        }
        let streams = try deepstack.map { (stream) throws(TokenReelError) in try layout.stacked(stream, shape: shape) }
        var attention: [Float]?
        if let saliency { attention = try layout.blockMeans(saliency, shape: shape) }
        return try TokenGrid(
            shape: layout.stackedShape(of: shape), values: layout.stacked(values, shape: shape),
            frameTimes: frameTimes, saliency: attention, frameFeatures: frameFeatures, patchEmbeddings: embeddings,
            maps: means, deepstack: streams)
    }
}
