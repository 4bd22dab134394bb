/// A reduction as a sparse linear map: every output token is a weighted sum of source tokens.
///
/// Pruning keeps rows of the identity, merging averages, and running one stage after another multiplies the maps. All
/// that is known about a reduction follows from its plan: the output features, how many sources each token stands
/// for, where it lies in the video, what was kept, and the same reduction of any parallel stream of features.
///
/// Stored in compressed sparse rows. Within a row sources ascend, so sums always run in the same order.
public struct ReductionPlan: Sendable, Equatable {
    /// Number of tokens the plan reads.
    public let sourceCount: Int
    /// `[count + 1]`: row `i` holds entries `offsets[i] ..< offsets[i + 1]`.
    public let offsets: [Int]
    /// `[nnz]`: the source token of each entry.
    public let sources: [Int32]
    /// `[nnz]`: the weight of each entry.
    ///
    /// A weight may be zero: the source is represented, but does not contribute.
    public let weights: [Float]
    /// `[count]`: the source token whose place in the video each output token takes.
    public let anchors: [Int32]

    /// Number of output tokens.
    public var count: Int { anchors.count }

    /// Checks a plan that came from outside, such as a file.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` unless the offsets ascend from 0 to the number of entries,
    ///   every row has a source, sources ascend within a row and lie below `sourceCount`, weights are finite, and
    ///   anchors are distinct and valid.
    public init(
        sourceCount: Int, offsets: [Int], sources: [Int32], weights: [Float], anchors: [Int32]
    ) throws(TokenReelError) {
        func invalid(_ found: String, _ allowed: String) -> TokenReelError {
            TokenReelError(.invalidArgument, subject: "reduction plan", found: found, allowed: allowed)
        }
        guard sourceCount >= 0, sourceCount <= Int(Int32.max) else {
            throw invalid("\(sourceCount) sources", "0 to \(Int32.max)")
        }
        guard offsets.count == anchors.count + 1, offsets.first == 0, offsets.last == sources.count,
            weights.count == sources.count
        else {
            throw invalid(
                "\(offsets.count) offsets, \(sources.count) sources, \(weights.count) weights, \(anchors.count) anchors",
                "one offset more than anchors, from 0 to the number of sources and weights")
        }
        let valid = 0..<Int32(sourceCount)
        var isAnchor = [Bool](repeating: false, count: sourceCount)
        for row in anchors.indices {
            guard offsets[row] < offsets[row + 1], offsets[row + 1] <= sources.count else {
                throw invalid("row \(row) without a source", "one source or more")
            }
            let anchor = anchors[row]
            guard valid.contains(anchor), !isAnchor[Int(anchor)] else {
                throw invalid("anchor \(anchor) of row \(row)", "distinct tokens below \(sourceCount)")
            }
            isAnchor[Int(anchor)] = true
            var previous: Int32 = -1
            for entry in offsets[row]..<offsets[row + 1] {
                guard sources[entry] > previous, valid.contains(sources[entry]) else {
                    throw invalid(
                        "source \(sources[entry]) after \(previous) in row \(row)", "ascending and below \(sourceCount)"
                    )
                }
                guard weights[entry].isFinite else { throw invalid("a weight of \(weights[entry])", "finite numbers") }
                previous = sources[entry]
            }
        }
        self.init(
            trusted: sourceCount, offsets: offsets, sources: sources, weights: weights, anchors: anchors)
    }

    private init(trusted sourceCount: Int, offsets: [Int], sources: [Int32], weights: [Float], anchors: [Int32]) {
        self.sourceCount = sourceCount
        self.offsets = offsets
        self.sources = sources
        self.weights = weights
        self.anchors = anchors
    }

    /// Entries of one row.
    public func entries(of row: Int) -> Range<Int> { offsets[row]..<offsets[row + 1] }
}

// MARK: - Making plans

extension ReductionPlan {
    /// One output token under construction: its anchor, and its sources with their weights in any order.
    public struct Row: Sendable {
        /// The source token whose place the output token takes.
        public var anchor: Int
        /// Source tokens, distinct.
        public var sources: [Int]
        /// One weight for each source.
        public var weights: [Float]

        /// A row with explicit weights.
        public init(anchor: Int, sources: [Int], weights: [Float]) {
            self.anchor = anchor
            self.sources = sources
            self.weights = weights
        }

        /// A row that keeps one source as it is.
        public init(keeping source: Int) { self.init(anchor: source, sources: [source], weights: [1]) }

        /// A row that averages its sources with equal weights.
        public init(anchor: Int, averaging sources: [Int]) {
            let weight = 1 / Float(sources.count)
            self.init(anchor: anchor, sources: sources, weights: Array(repeating: weight, count: sources.count))
        }
    }

    /// Builds a plan from rows in output order; the sources of each row are put in ascending order.
    ///
    /// - Precondition: Anchors and sources are valid, anchors distinct, and no row is empty. Methods guarantee this by
    ///   construction; ``init(sourceCount:offsets:sources:weights:anchors:)`` checks data from outside.
    public init(sourceCount: Int, rows: [Row]) {
        var offsets = [0]
        var sources: [Int32] = []
        var weights: [Float] = []
        offsets.reserveCapacity(rows.count + 1)
        for row in rows {
            precondition(!row.sources.isEmpty && row.sources.count == row.weights.count, "a row needs weighted sources")
            let ascending = zip(row.sources, row.sources.dropFirst()).allSatisfy(<)
            let order =
                ascending
                ? Array(row.sources.indices) : row.sources.indices.sorted { row.sources[$0] < row.sources[$1] }
            for index in order {
                sources.append(Int32(row.sources[index]))
                weights.append(row.weights[index])
            }
            offsets.append(sources.count)
        }
        self.init(
            trusted: sourceCount, offsets: offsets, sources: sources, weights: weights,
            anchors: rows.map { Int32($0.anchor) })
    }

    /// Keeps the tokens at `indices`, in that order, unchanged.
    public init(sourceCount: Int, keeping indices: [Int]) {
        let kept = indices.map { Int32($0) }
        self.init(
            trusted: sourceCount, offsets: Array(0...kept.count), sources: kept,
            weights: Array(repeating: 1, count: kept.count), anchors: kept)
    }

    /// Plans of neighbouring stretches of tokens as one plan of all of them.
    public init(joining parts: [ReductionPlan]) {
        var offsets = [0]
        var sources: [Int32] = []
        var weights: [Float] = []
        var anchors: [Int32] = []
        var start = 0
        for part in parts {
            offsets += part.offsets.dropFirst().map { sources.count + $0 }
            sources += part.sources.map { Int32(start) + $0 }
            weights += part.weights
            anchors += part.anchors.map { Int32(start) + $0 }
            start += part.sourceCount
        }
        self.init(trusted: start, offsets: offsets, sources: sources, weights: weights, anchors: anchors)
    }

    /// Keeps every token as it is.
    public static func identity(_ sourceCount: Int) -> ReductionPlan {
        ReductionPlan(sourceCount: sourceCount, keeping: Array(0..<sourceCount))
    }

    /// One row as a value that can be edited and put into another plan.
    public func row(_ index: Int) -> Row {
        let entries = entries(of: index)
        return Row(
            anchor: Int(anchors[index]), sources: sources[entries].map(Int.init), weights: Array(weights[entries]))
    }

    /// The same rows in reading order: by anchor, that is by time, then row, then column.
    public func inReadingOrder() -> ReductionPlan {
        if zip(anchors, anchors.dropFirst()).allSatisfy(<) { return self }
        return selecting(anchors.indices.sorted { anchors[$0] < anchors[$1] })
    }

    /// The rows at `rows`, in that order; the others are dropped.
    public func selecting(_ rows: [Int]) -> ReductionPlan {
        var offsets = [0]
        var sources: [Int32] = []
        var weights: [Float] = []
        for row in rows {
            sources.append(contentsOf: self.sources[entries(of: row)])
            weights.append(contentsOf: self.weights[entries(of: row)])
            offsets.append(sources.count)
        }
        return ReductionPlan(
            trusted: sourceCount, offsets: offsets, sources: sources, weights: weights,
            anchors: rows.map { anchors[$0] })
    }

    /// This plan followed by `next`, which reads this plan's output tokens: the product of the two maps.
    ///
    /// - Precondition: `next.sourceCount == count`.
    public func composed(with next: ReductionPlan) -> ReductionPlan {
        precondition(next.sourceCount == count, "the second plan must read exactly what the first one writes")
        var rows: [Row] = []
        rows.reserveCapacity(next.count)
        var position = [Int32: Int]()
        for index in 0..<next.count {
            let outer = next.entries(of: index)
            var row = Row(anchor: Int(anchors[Int(next.anchors[index])]), sources: [], weights: [])
            position.removeAll(keepingCapacity: true)
            for entry in outer {
                for inner in entries(of: Int(next.sources[entry])) {
                    let weight = next.weights[entry] * weights[inner]
                    // Only methods whose rows overlap bring the same source in twice.
                    if let place = position[sources[inner]] {
                        row.weights[place] += weight
                    } else {
                        if outer.count > 1 { position[sources[inner]] = row.sources.count }
                        row.sources.append(Int(sources[inner]))
                        row.weights.append(weight)
                    }
                }
            }
            rows.append(row)
        }
        return ReductionPlan(sourceCount: sourceCount, rows: rows)
    }
}

// MARK: - What follows from a plan

extension ReductionPlan {
    /// `[count]`: how many source tokens each output token stands for.
    public var sizes: [Float] { (0..<count).map { Float(entries(of: $0).count) } }

    /// `[sourceCount]`: the output token that holds each source token, or -1 if none does.
    ///
    /// Where rows overlap the owner is the row with the larger weight, and of equals the first.
    public var owners: [Int32] {
        var owners = [Int32](repeating: -1, count: sourceCount)
        var best = [Float](repeating: -.infinity, count: sourceCount)
        for row in 0..<count {
            for entry in entries(of: row) {
                let source = Int(sources[entry])
                if owners[source] < 0 || weights[entry] > best[source] {
                    owners[source] = Int32(row)
                    best[source] = weights[entry]
                }
            }
        }
        return owners
    }

    /// Whether every source token stands in at most one row.
    public var isDisjoint: Bool {
        var seen = [Bool](repeating: false, count: sourceCount)
        for source in sources {
            if seen[Int(source)] { return false }
            seen[Int(source)] = true
        }
        return true
    }

    /// The output features `[count, channels]` for source features `[sourceCount, channels]`.
    ///
    /// Works for any stream parallel to the one the plan was made from. A row that keeps one token copies its bits.
    ///
    /// - Precondition: `values.count == sourceCount * channels`.
    public func applied(to values: TensorBuffer<Float>, channels: Int) -> TensorBuffer<Float> {
        precondition(values.count == sourceCount * channels, "the features must be those the plan was made for")
        return values.withUnsafeBufferPointer { source in
            TensorBuffer(count: count * channels) { output in
                guard let input = source.baseAddress, let base = output.baseAddress else { return }
                for row in 0..<count {
                    let target = base + row * channels
                    let entries = entries(of: row)
                    let first = input + Int(sources[entries.lowerBound]) * channels
                    if entries.count == 1, weights[entries.lowerBound] == 1 {
                        target.initialize(from: first, count: channels)
                        continue
                    }
                    let weight = weights[entries.lowerBound]
                    for channel in 0..<channels { target[channel] = weight * first[channel] }
                    for entry in entries.dropFirst() {
                        let token = input + Int(sources[entry]) * channels
                        let weight = weights[entry]
                        for channel in 0..<channels { target[channel] += weight * token[channel] }
                    }
                }
            }
        }
    }

    /// One scalar for each output token, from one for each source token, by the same map.
    ///
    /// - Precondition: `values.count == sourceCount`.
    public func applied(to values: [Float]) -> [Float] {
        precondition(values.count == sourceCount, "one value is needed for each source token")
        return (0..<count).map { row in
            entries(of: row).reduce(0) { $0 + weights[$1] * values[Int(sources[$1])] }
        }
    }
}
