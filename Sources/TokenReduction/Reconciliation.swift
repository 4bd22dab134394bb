internal import TensorOps
package import TokenCore

/// Makes any plan hold exactly the asked number of tokens.
///
/// Serving stacks size their placeholders before a pixel is read, so the count must be exact whatever a method's own
/// rounding says. Too many: the rows that stand for the fewest sources are folded into the nearest row that stays. Too
/// few: the sources that no token represents well get one of their own. Tokens are compared with tokens whose anchors
/// are near in reading order only, so the cost is linear in the length of the video.
package struct Reconciliation {
    private let input: ReductionInput

    /// How many rows on either side in reading order count as near: more than a frame of the usual towers.
    private static let window = 256

    package init(_ input: ReductionInput) { self.input = input }

    /// A plan of `count` rows in reading order.
    ///
    /// - Precondition: `count` is at most the number of source tokens, and at least 1 unless there are none.
    package func reconcile(_ plan: ReductionPlan, to count: Int) -> ReductionPlan {
        let ordered = plan.inReadingOrder()
        if ordered.count > count { return fold(ordered, to: count) }
        if ordered.count < count { return split(ordered, to: count) }
        return ordered
    }

    /// A plan with `count` rows anchored in every frame, in reading order: rows are folded and tokens freed within the
    /// frame that has too many or too few.
    ///
    /// - Precondition: `count` is at least 1 and at most the tokens of a frame.
    package func reconcile(_ plan: ReductionPlan, toEach count: Int) -> ReductionPlan {
        let cells = input.grid.shape.tokensPerFrame
        let frames = (0..<input.grid.shape.frames).map { $0 * cells..<($0 + 1) * cells }
        let ordered = plan.inReadingOrder()
        let sizes = ordered.sizes
        let folded = frames.flatMap { frame in
            let rows = ordered.anchors.places(of: frame) { Int($0) }
            return Ranking.smallest(max(rows.count - count, 0), of: Array(sizes[rows])).map { rows.lowerBound + $0 }
        }
        let fewer = fold(ordered, folded) { row, kept in
            kept.places(of: frames[Int(ordered.anchors[row]) / cells]) { Int(ordered.anchors[$0]) }
        }
        return split(fewer) { free, representation in
            frames.flatMap { frame in
                let missing = count - fewer.anchors.places(of: frame) { Int($0) }.count
                let places = free.places(of: frame) { $0 }
                return Ranking.smallest(missing, of: Array(representation[places])).map { places.lowerBound + $0 }
            }
        }
    }

    // MARK: Too many

    private func fold(_ plan: ReductionPlan, to count: Int) -> ReductionPlan {
        fold(plan, Array(Ranking.smallest(plan.count - count, of: plan.sizes))) { row, kept in
            let place = kept.partitioningIndex { $0 > row }
            return max(0, place - Self.window)..<min(kept.count, place + Self.window)
        }
    }

    /// Adds rows to the most similar of those that stay, among those that `near` gives for each.
    private func fold(
        _ plan: ReductionPlan, _ folded: [Int], near: (Int, [Int]) -> Range<Int>
    ) -> ReductionPlan {
        guard !folded.isEmpty else { return plan }
        var stays = [Bool](repeating: true, count: plan.count)
        for row in folded { stays[row] = false }
        let kept = stays.indices.filter { stays[$0] }
        let units = units(of: plan)
        var rows = kept.map { plan.row($0) }
        for row in folded.sorted() {
            let near = near(row, kept)
            let similarity = near.map { cosine(units, row, units, kept[$0]) }
            let nearest = near.lowerBound + (Ranking.largest(1, of: similarity).first ?? 0)
            rows[nearest] = Self.union(rows[nearest], plan.row(row))
        }
        return ReductionPlan(sourceCount: plan.sourceCount, rows: rows)
    }

    /// The mean of two rows, each counted by its sources, in the place of the first.
    private static func union(_ a: ReductionPlan.Row, _ b: ReductionPlan.Row) -> ReductionPlan.Row {
        let share = Float(a.sources.count) / Float(a.sources.count + b.sources.count)
        var weights: [Int: Float] = [:]
        for (source, weight) in zip(a.sources, a.weights) { weights[source] = share * weight }
        for (source, weight) in zip(b.sources, b.weights) { weights[source, default: 0] += (1 - share) * weight }
        let sources = weights.keys.sorted()
        return .init(anchor: a.anchor, sources: sources, weights: sources.map { weights[$0] ?? 0 })
    }

    // MARK: Too few

    private func split(_ plan: ReductionPlan, to count: Int) -> ReductionPlan {
        split(plan) { _, representation in Array(Ranking.smallest(count - plan.count, of: representation)) }
    }

    /// Gives tokens that are no anchors rows of their own: those that `chosen` names among them, by how well each is
    /// represented.
    private func split(
        _ plan: ReductionPlan, chosen: (_ free: [Int], _ representation: [Float]) -> [Int]
    ) -> ReductionPlan {
        var isAnchor = [Bool](repeating: false, count: plan.sourceCount)
        for anchor in plan.anchors { isAnchor[Int(anchor)] = true }
        let free = isAnchor.indices.filter { !isAnchor[$0] }
        let representation = representation(of: free, by: plan)
        let freed = chosen(free, representation).map { free[$0] }
        let leaves = Set(freed)
        let rows = (0..<plan.count).map { Self.removing(leaves, from: plan.row($0)) }
        return ReductionPlan(sourceCount: plan.sourceCount, rows: rows + freed.map { .init(keeping: $0) })
            .inReadingOrder()
    }

    private static func removing(_ leaves: Set<Int>, from row: ReductionPlan.Row) -> ReductionPlan.Row {
        let stay = row.sources.indices.filter { !leaves.contains(row.sources[$0]) }
        guard stay.count < row.sources.count else { return row }
        // A row whose sources all left goes back to its anchor, which never leaves.
        guard !stay.isEmpty else { return .init(keeping: row.anchor) }
        let before = row.weights.reduce(0, +)
        let after = stay.reduce(Float(0)) { $0 + row.weights[$1] }
        let sources = stay.map { row.sources[$0] }
        guard after > 0 else { return .init(anchor: row.anchor, averaging: sources) }
        return .init(anchor: row.anchor, sources: sources, weights: stay.map { row.weights[$0] * before / after })
    }

    /// Cosine of each source to the best of the token that owns it and the tokens nearby.
    private func representation(of sources: [Int], by plan: ReductionPlan) -> [Float] {
        guard plan.count > 0 else { return Array(repeating: -1, count: sources.count) }
        let owners = plan.owners
        let units = units(of: plan)
        // Sources of a frame lie at nearly the same place in reading order, so they share what is near.
        let cells = input.grid.shape.tokensPerFrame
        let frames = Dictionary(grouping: sources) { $0 / cells }.sorted { $0.key < $1.key }.map(\.value)
        return frames.mapParallel(workers: input.workers) { sources -> [Float] in
            let place = plan.anchors.partitioningIndex { $0 > sources[0] }
            let near = max(0, place - Self.window)..<min(plan.count, place + Self.window)
            let values = input.grid.values.gathering(sources, channels: input.channels)
            let products = values.withUnsafeBufferPointer { values in
                units.withRows(near, channels: input.channels) { units in
                    Matrix.products(values, rows: sources.count, units, rows: near.count, channels: input.channels)
                }
            }
            return sources.enumerated().map { index, source in
                guard input.norms[source] > 0 else { return 1 }
                var best = products[index * near.count..<(index + 1) * near.count].reduce(-Float.infinity) {
                    max($0, $1)
                }
                if owners[source] >= 0 {
                    best = max(best, cosine(input.grid.values, source, units, Int(owners[source])))
                }
                return best / input.norms[source]
            }
        }.flatMap { $0 }
    }

    // MARK: Comparing

    private func units(of plan: ReductionPlan) -> TensorBuffer<Float> {
        Rows.normalized(plan.applied(to: input.grid.values, channels: input.channels), channels: input.channels)
    }

    private func cosine(_ a: TensorBuffer<Float>, _ row: Int, _ b: TensorBuffer<Float>, _ other: Int) -> Float {
        a.withRows(row..<row + 1, channels: input.channels) { x in
            b.withRows(other..<other + 1, channels: input.channels) { Rows.dot(x, $0) }
        }
    }
}

extension Array {
    /// Where elements of ascending value lie in a range of values.
    fileprivate func places(of range: Range<Int>, by value: (Element) -> Int) -> Range<Int> {
        partitioningIndex { value($0) >= range.lowerBound }..<partitioningIndex { value($0) >= range.upperBound }
    }

    /// The first index whose element fulfils a condition that, once true, stays true; `count` if none does.
    fileprivate func partitioningIndex(where belongsAfter: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if belongsAfter(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
