internal import TensorOps
public import TokenCore

/// A named combination of one method for each stage that together make a reduction.
public struct Recipe: Sendable {
    /// The name it is registered under.
    public let name: String
    let segmenter: (any TemporalSegmenter)?
    let merger: (any TokenMerger)?
    let pruner: (any TokenPruner)?
    let hasher: (any TokenHasher)?
    /// Whether the output tokens are the codebook's entries instead of what merging and pruning left.
    let emitsCodebook: Bool
    /// How many candidates merging leaves for each token that pruning keeps, at least 1.
    let candidatesPerToken: Double
    let isPublished: Bool

    /// Signals that the recipe can't do without.
    public var needs: Set<Signal> {
        // A pruner that needs a query is passed over without one, if merging has already met the budget.
        let isPrunerOptional = merger != nil && pruner?.needs.contains(.query) == true
        return (segmenter?.needs ?? []).union(merger?.needs ?? []).union(hasher?.needs ?? [])
            .union(isPrunerOptional ? [] : pruner?.needs ?? [])
    }

    /// Reduces a grid: segments, merges, prunes and hashes as far as the recipe has the stage, then makes the count
    /// exact.
    ///
    /// The same grid and request give the same plan whatever the number of workers.
    ///
    /// - Throws: ``TokenReelError`` with code `invalidArgument` for an impossible budget, tokens that are not finite, a
    ///   query of another width, or `asPublished` for a recipe of our own; `missingSignal` if the grid lacks what the
    ///   recipe needs; `cancelled`.
    public func reduce(_ grid: TokenGrid, _ request: ReductionRequest) throws(TokenReelError) -> Reduction {
        var codebooks = StreamHasher(.fresh)
        return try reduce(
            grid, request, count: request.count(of: grid.shape), segments: nil, codebooks: &codebooks)
    }

    /// Reduces a grid to `count` tokens, which stand for the request's budget.
    ///
    /// - Parameters:
    ///   - given: Segments that tile the frames, in place of those that the segmenter would find.
    ///   - codebooks: Names the tokens, where the recipe hashes.
    func reduce(
        _ grid: TokenGrid, _ request: ReductionRequest, count: Int, segments given: [Segment]?,
        codebooks: inout StreamHasher
    ) throws(TokenReelError) -> Reduction {
        try checkGridPreserving(request)
        var notices = try checkSignals(grid, request)
        var clock = StageClock()
        let input = try ReductionInput(grid, request)
        clock.lap("compare")
        guard grid.shape.tokenCount > 0 else { return .empty(of: grid, clock) }

        var segments = given ?? [Segment(start: 0, end: grid.shape.frames)]
        if let segmenter, given == nil {
            segments = try segmenter.segments(of: input)
            precondition(segments.tile(0..<grid.shape.frames), "segments of \(name) must tile the frames in order")
            clock.lap(.segment)
        }
        // Without a query merging meets the budget alone.
        let isPrunerIdle = !request.hasQuestion && pruner?.needs.contains(.query) == true
        let pruner = isPrunerIdle ? nil : pruner
        let exact = request.asPublished ? nil : Reconciliation(input)
        var plan = ReductionPlan.identity(grid.shape.tokenCount)
        if let merger {
            let candidates = pruner == nil ? Double(count) : (Double(count) * candidatesPerToken).rounded(.up)
            let wanted = min(Int(candidates), grid.shape.tokenCount)
            plan = try merger.plan(for: input, segments: segments, count: wanted)
            precondition(plan.sourceCount == grid.shape.tokenCount, "merging by \(name) must read all source tokens")
            plan = exact?.reconcile(plan, to: wanted) ?? plan
            clock.lap(.merge)
        }
        if let pruner {
            try input.checkCancellation()
            let candidates = CandidateTokens(plan: plan, input: input)
            let wanted = min(count, candidates.plan.count)
            let kept = try pruner.selection(from: candidates, of: input, count: wanted)
            precondition(
                zip([-1] + kept, kept + [plan.count]).allSatisfy(<), "\(name) must choose candidates in ascending order"
            )
            plan = plan.selecting(kept)
            clock.lap(.prune)
        }
        var hash: TokenHash?
        if let hasher {
            try input.checkCancellation()
            let size = request.codebook ?? (emitsCodebook ? .fixed(count) : .auto)
            let tokenHash = try codebooks.hash(
                CandidateTokens(plan: plan, input: input), of: input, size: size, by: hasher)
            if emitsCodebook { plan = tokenHash.plan }
            hash = tokenHash
            clock.lap(.hash)
        }
        // A codebook whose size was asked for decides the number of tokens by itself.
        let total = emitsCodebook && request.codebook != nil ? plan.count : count
        if let frameGrid = input.frameGrid {
            plan = Reconciliation(input).reconcile(plan, toEach: frameGrid.tokens)
            notices.append(frameGrid.notice(about: plan, in: grid.shape))
        } else {
            plan = exact?.reconcile(plan, to: total) ?? plan
        }
        clock.lap("reconcile")
        var prefixCoverage: [Double]?
        if request.order == .prefix {
            try input.checkCancellation()
            let order = PrefixOrder(of: plan, on: grid, workers: input.workers)
            plan = plan.selecting(order.rows)
            prefixCoverage = order.coverage
            clock.lap("order")
        }
        let relevance = input.relevance(
            of: plan, values: plan.applied(to: grid.values, channels: input.channels))
        return Reduction(
            plan: plan, segments: segments, relevance: relevance, tokenHash: hash,
            prefixCoverage: prefixCoverage, frameGrid: input.frameGrid, stageSeconds: clock.timings,
            notices: notices)
    }

    // MARK: Choices that depend on the request

    private var stages: [any ReductionStage] {
        [segmenter, merger, pruner, hasher].compactMap { $0 as (any ReductionStage)? }
    }

    private var substitutes: [Signal: String] {
        stages.reduce(into: [:]) { $0.merge(type(of: $1).descriptor.substitutes) { first, _ in first } }
    }

    private func isPresent(_ signal: Signal, _ grid: TokenGrid, _ request: ReductionRequest) -> Bool {
        switch signal {
        case .saliency: grid.saliency != nil
        case .frameFeatures: grid.frameFeatures != nil
        case .patchEmbeddings: grid.patchEmbeddings != nil
        case .query: request.hasQuestion
        case .objectSaliency, .classAttention, .semanticAttention, .valueNorms, .pixelChange: grid.maps[signal] != nil
        }
    }

    /// Signals that the recipe needs and neither the grid nor the request brings.
    public func missingSignals(_ grid: TokenGrid, _ request: ReductionRequest) -> [Signal] {
        // With a question every pruner runs, so it must have what else it needs.
        let needs = request.hasQuestion ? needs.union(pruner?.needs ?? []) : needs
        return Signal.allCases.filter { needs.contains($0) && !isPresent($0, grid, request) }
    }

    /// Refuses what can't leave every frame a grid.
    private func checkGridPreserving(_ request: ReductionRequest) throws(TokenReelError) {
        guard request.isGridPreserving else { return }
        let hindrance: String? =
            if emitsCodebook {
                "method \(name), whose tokens are a codebook's and belong to no frame"
            } else if request.order != .reading {
                "tokens in \(request.order.rawValue) order"
            } else if request.asPublished {
                "the published count"
            } else {
                nil
            }
        guard let hindrance else { return }
        throw TokenReelError(
            .invalidArgument, subject: "grid to preserve", found: hindrance,
            allowed: "tokens that belong to frames, in reading order and as many as asked for",
            remedy: "leave out --grid-preserving")
    }

    private func checkSignals(_ grid: TokenGrid, _ request: ReductionRequest) throws(TokenReelError) -> [String] {
        var notices: [String] = []
        for signal in missingSignals(grid, request) {
            let substitute = substitutes[signal]
            guard let substitute, request.allowSubstitute else {
                throw TokenReelError(
                    .missingSignal, subject: "method \(name)", found: "no \(signal.name)",
                    remedy: signal.remedy + (substitute.map { ", or pass --allow-substitute to use \($0)" } ?? ""))
            }
            notices.append("No \(signal.name): \(substitute) stands in for it.")
        }
        if request.asPublished, !isPublished {
            throw TokenReelError(
                .invalidArgument, subject: "method \(name)", found: "no published implementation to follow",
                remedy: "leave out --as-published, or choose a published method with --method")
        }
        if request.codebook != nil, hasher == nil {
            throw TokenReelError(
                .invalidArgument, subject: "codebook", found: "a size for method \(name), which has no hashing stage",
                remedy: "choose a method that hashes with --method, or leave out --codebook")
        }
        if request.hasQuestion, !stages.contains(where: { type(of: $0).descriptor.readsQuery }) {
            notices.append("Method \(name) does not choose by the query; tokens are scored for it only.")
        }
        return notices
    }
}

extension Signal {
    /// The signal in the words of a sentence.
    fileprivate var name: String { String(rawValue.map { $0 == "-" ? " " : $0 }) }

    /// How to come by it.
    fileprivate var remedy: String {
        switch self {
        case .query: "give one with --query, --query-image or --query-embedding"
        case .frameFeatures: "add a tensor \"\(tensorName)\" [T, F], or name a checkpoint that has it with --model"
        case .patchEmbeddings:
            "add a tensor \"\(tensorName)\" [T, H, W, E], or name a checkpoint that has it with --model"
        default: "add a tensor \"\(tensorName)\" [T, H, W], or name a checkpoint that has it with --model"
        }
    }
}

extension [Segment] {
    /// Whether the segments follow each other from the first frame to the last.
    fileprivate func tile(_ frames: Range<Int>) -> Bool {
        zip([frames.lowerBound] + map(\.end), map(\.start) + [frames.upperBound]).allSatisfy(==)
    }
}

extension Reduction {
    fileprivate static func empty(of grid: TokenGrid, _ clock: StageClock) -> Reduction {
        let segments = grid.shape.frames > 0 ? [Segment(start: 0, end: grid.shape.frames)] : []
        return Reduction(
            plan: .identity(0), segments: segments, relevance: nil, tokenHash: nil, prefixCoverage: nil,
            stageSeconds: clock.timings,
            notices: ["The grid has no tokens."])
    }
}

/// Measures the time between laps.
private struct StageClock {
    private(set) var timings: [StageTiming] = []
    private var last = ContinuousClock.now

    mutating func lap(_ stage: StageKind) { lap(stage.rawValue) }

    mutating func lap(_ stage: String) {
        let now = ContinuousClock.now
        timings.append(StageTiming(stage: stage, seconds: (now - last) / .seconds(1)))
        last = now
    }
}
