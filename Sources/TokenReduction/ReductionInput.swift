internal import TensorOps
public import TokenCore

/// What all stages of one reduction read, with the figures that several of them need computed once.
public struct ReductionInput: Sendable {
    /// The source tokens; finite.
    public let grid: TokenGrid
    /// What the viewer asks for.
    public let query: Query?
    /// `[T * N]`: how well each source token answers the question, where that was measured elsewhere or follows from the
    /// grid's patch embeddings.
    public let relevance: [Float]?
    /// Whether to follow the reference implementation's rounding and quirks.
    public let asPublished: Bool
    /// The retention ratio as the caller wrote it, for references that round it in ways of their own.
    public let publishedRatio: Double?
    /// The grid that every frame is to be left with, where grids are preserved.
    public let frameGrid: FrameGrid?
    /// Threads a stage may use; never changes a result.
    public let workers: Int
    /// `[T * N]` Euclidean lengths of the tokens.
    public let norms: [Float]
    /// How alike each cell is to the same cell of the next frame.
    public let temporalSimilarity: TemporalSimilarity

    private let cancellation: Cancellation?

    /// Longer tokens would overflow sums of products in single precision.
    private static let longestToken: Float = 1e15

    /// Reads the grid once: O(T N D).
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for tokens or saliency that are not finite or are too large to
    ///   compare, and for a query whose vectors do not have the length of the tokens.
    package init(_ grid: TokenGrid, _ request: ReductionRequest) throws(TokenReelError) {
        let channels = grid.shape.channels
        let widths = [channels, grid.patchEmbeddingChannels].filter { $0 > 0 }
        if let query = request.query, !widths.contains(query.channels) {
            throw TokenReelError(
                .invalidArgument, subject: "query", found: "vectors of \(query.channels) numbers",
                allowed: widths.map(String.init).joined(separator: " or ")
                    + ", the length of the tokens or of their patch embeddings")
        }
        let count = grid.shape.tokenCount
        if let index = grid.saliency?.firstIndex(where: { !$0.isFinite }) {
            throw Self.unusable("saliency", at: grid.position(of: index))
        }
        for (signal, map) in grid.maps.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            if let index = map.values.firstIndex(where: { !$0.isFinite }) {
                throw Self.unusable(signal.rawValue, at: grid.position(of: index % count))
            }
        }
        let areEmbeddingsFinite = grid.patchEmbeddings?.withUnsafeBufferPointer { Rows.areFinite($0) } ?? true
        guard areEmbeddingsFinite, grid.frameFeatures?.allSatisfy(\.isFinite) ?? true else {
            throw TokenReelError(
                .invalidArgument, subject: "token grid",
                found: "\(areEmbeddingsFinite ? "frame features" : "patch embeddings") that are not finite",
                allowed: "finite numbers")
        }
        if let relevance = request.relevance {
            guard relevance.count == count else {
                throw TokenReelError(
                    .invalidArgument, subject: "relevance", found: "\(relevance.count) numbers",
                    allowed: "\(count), one for each token")
            }
            if let index = relevance.firstIndex(where: { !$0.isFinite }) {
                throw Self.unusable("relevance", at: grid.position(of: index))
            }
        }
        self.grid = grid
        if let query = request.query, let embeddings = grid.patchEmbeddings,
            query.channels == grid.patchEmbeddingChannels, request.relevance == nil
        {
            relevance = QueryRelevance.scores(of: embeddings, for: query, workers: max(request.workers, 1))
        } else {
            relevance = request.relevance
        }
        query = request.query
        asPublished = request.asPublished
        if case .ratio(let ratio) = request.budget { publishedRatio = ratio } else { publishedRatio = nil }
        frameGrid = try request.frameGrid(of: grid.shape)
        workers = max(request.workers, 1)
        cancellation = request.cancellation
        (norms, temporalSimilarity) = Self.compareFrames(of: grid, workers: workers)
        if let index = norms.firstIndex(where: { !($0 <= Self.longestToken) }) {
            throw Self.unusable("token", at: grid.position(of: index))
        }
    }

    /// Numbers of one token.
    public var channels: Int { grid.shape.channels }

    /// How much attention each token receives: the grid's own signal, or where it carries none the substitute that the
    /// caller allowed.
    ///
    /// The substitute is spatial distinctiveness, `1 - cos(token, mean token of its frame)`: what stands out from its
    /// frame tends to be looked at (V-CAST, arXiv 2603.27650, uses the same idea).
    public func saliency() -> [Float] {
        if let saliency = grid.saliency { return saliency }
        let cells = grid.shape.tokensPerFrame
        return Array(0..<grid.shape.frames).mapParallel(workers: workers) { frame -> [Float] in
            let tokens = frame * cells..<(frame + 1) * cells
            let mean = ReductionPlan(
                sourceCount: grid.shape.tokenCount,
                rows: [.init(anchor: tokens.lowerBound, averaging: Array(tokens))]
            ).applied(to: grid.values, channels: channels)
            let length = mean.withUnsafeBufferPointer { Rows.dot($0, $0) }.squareRoot()
            return tokens.map { token in
                let dot = mean.withUnsafeBufferPointer { mean in
                    grid.values.withRows(token..<token + 1, channels: channels) { Rows.dot($0, mean) }
                }
                let scale = length * norms[token]
                return scale > 0 ? 1 - dot / scale : 1
            }
        }.flatMap { $0 }
    }

    /// How well tokens that a plan makes answer the question; nil if there is none.
    ///
    /// The tokens' values are asked for only where a query has to be compared with them.
    public func relevance(of plan: ReductionPlan, values: @autoclosure () -> TensorBuffer<Float>) -> [Float]? {
        if let relevance { return plan.applied(to: relevance) }
        return query.map { QueryRelevance.scores(of: values(), for: $0, workers: workers) }
    }

    /// Throws once the caller has cancelled.
    public func checkCancellation() throws(TokenReelError) { try cancellation?.check() }

    private static func unusable(_ what: String, at place: (frame: Int, row: Int, column: Int)) -> TokenReelError {
        TokenReelError(
            .invalidArgument, subject: "token grid",
            found:
                "\(what) that is not finite or too large at frame \(place.frame), row \(place.row), column \(place.column)",
            allowed: "finite tokens of length up to \(longestToken)")
    }

    private static func compareFrames(of grid: TokenGrid, workers: Int) -> ([Float], TemporalSimilarity) {
        let frames = grid.shape.frames
        let cells = grid.shape.tokensPerFrame
        let channels = grid.shape.channels
        // Runs of frames, so that each frame is still in cache when the next one is compared with it.
        let runs = Rows.blocks(of: frames, size: 8).mapParallel(workers: workers) {
            run -> (norms: [Float], similarities: [Float]) in
            var norms: [Float] = []
            var similarities: [Float] = []
            func frame(_ index: Int) -> Range<Int> { index * cells..<(index + 1) * cells }
            // The frame before the run is read twice, by this run and its own.
            let before = max(run.lowerBound - 1, 0)
            var previous = grid.values.withRows(frame(before), channels: channels) {
                Rows.norms($0, channels: channels)
            }
            if run.lowerBound == 0 { norms += previous }
            for index in max(run.lowerBound, 1)..<max(run.upperBound, 1) {
                let (dots, squares) = grid.values.withRows(
                    frame(index - 1).lowerBound..<frame(index).upperBound, channels: channels
                ) { pair in
                    Rows.dotsAndSquares(
                        UnsafeBufferPointer(rebasing: pair[..<(cells * channels)]),
                        UnsafeBufferPointer(rebasing: pair[(cells * channels)...]), channels: channels)
                }
                let next = squares.map { $0.squareRoot() }
                for cell in 0..<cells {
                    let scale = previous[cell] * next[cell]
                    similarities.append(scale > 0 ? dots[cell] / scale : 0)
                }
                norms += next
                previous = next
            }
            return (norms, similarities)
        }
        return (
            runs.flatMap(\.norms),
            TemporalSimilarity(frames: frames, cells: cells, values: runs.flatMap(\.similarities))
        )
    }
}
