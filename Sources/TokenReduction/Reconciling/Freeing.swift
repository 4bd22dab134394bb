internal import TensorOps
internal import TokenCore

extension Reconciliation {
    /// A plan with rows of one token each added until every quota has its count.
    ///
    /// A token is represented by the row that owns it, or without an owner by any near it in reading order, and by rows
    /// anchored around it. The token that is represented worst gets a row of its own first (farthest-first traversal,
    /// Gonzalez 1985) and from then on represents the tokens around it, too: of many that look alike one is freed, not
    /// all. Equal tokens go evenly spread.
    ///
    /// O(N D + M F D) for N source tokens, M of them that are ever among the worst, and F rows around each; a token
    /// without an owner costs O(W D) for W rows near it.
    func free(in plan: ReductionPlan, _ quotas: [Quota]) -> ReductionPlan {
        let missing = quotas.map { $0.count - plan.rows(anchoredIn: $0.tokens).count }
        guard missing.contains(where: { $0 > 0 }) else { return plan }
        let units = units(of: plan)
        var freeing = Freeing(
            input, anchors: plan.anchors, units: units, representation: representation(by: plan, units))
        for (quota, missing) in zip(quotas, missing) where missing > 0 { freeing.free(missing, of: quota.tokens) }
        return plan.freeing(freeing.freed)
    }

    /// The cosine of each source token to what represents it.
    private func representation(by plan: ReductionPlan, _ units: TensorBuffer<Float>) -> [Float] {
        let owners = plan.owners
        let orphans = owners.indices.filter { owners[$0] < 0 }
        var representation = [Float](repeating: -1, count: plan.sourceCount)
        for (token, cosine) in ownedCosines(plan, owners, units) + orphanCosines(orphans, plan, units) {
            representation[token] = cosine
        }
        // Nothing is lost of a zero vector.
        for token in representation.indices where input.norms[token] == 0 { representation[token] = 1 }
        return representation
    }

    private func ownedCosines(
        _ plan: ReductionPlan, _ owners: [Int32], _ units: TensorBuffer<Float>
    ) -> [(token: Int, cosine: Float)] {
        Rows.blocks(of: plan.count, size: 64).mapParallel(workers: input.workers) { block in
            block.flatMap { row in
                units.withRows(row..<row + 1, channels: input.channels) { unit in
                    plan.sources[plan.entries(of: row)].map(Int.init).filter { owners[$0] == row }.map { token in
                        let product = input.grid.values.withRows(token..<token + 1, channels: input.channels) {
                            Rows.dot($0, unit)
                        }
                        return (token, product / input.norms[token])
                    }
                }
            }
        }.flatMap { $0 }
    }

    private func orphanCosines(
        _ orphans: [Int], _ plan: ReductionPlan, _ units: TensorBuffer<Float>
    ) -> [(token: Int, cosine: Float)] {
        guard !orphans.isEmpty, plan.count > 0 else { return [] }
        // Tokens of a frame lie at nearly the same place in reading order, so they share what is near.
        let cells = input.grid.shape.tokensPerFrame
        let frames = Dictionary(grouping: orphans) { $0 / cells }.sorted { $0.key < $1.key }.map(\.value)
        return frames.mapParallel(workers: input.workers) { tokens in
            let near = Self.near(plan.firstRow(from: tokens[0]), of: plan.count)
            let values = input.grid.values.gathering(tokens, channels: input.channels)
            let products = values.withUnsafeBufferPointer { values in
                units.withRows(near, channels: input.channels) { units in
                    Matrix.products(values, rows: tokens.count, units, rows: near.count, channels: input.channels)
                }
            }
            return products.withUnsafeBufferPointer { products in
                tokens.enumerated().map { index, token in
                    let line = UnsafeBufferPointer(rebasing: products[index * near.count..<(index + 1) * near.count])
                    return (token, line[Rows.indexOfMaximum(line)] / input.norms[token])
                }
            }
        }.flatMap { $0 }
    }
}

/// Tokens on their way to rows of their own.
private struct Freeing {
    private let input: ReductionInput
    /// The rows that there were, divided by their lengths.
    private let units: TensorBuffer<Float>
    private let rowCount: Int
    /// The tokens that have got rows of their own, in that order.
    private(set) var freed: [Int] = []
    private var representation: [Float]
    /// For each token the row anchored there, of those that there were and then those freed; -1 for none.
    private var rows: [Int]
    /// For each token, how many of the rows it has been compared with.
    private var compared: [Int]

    /// How far apart a row and what it represents are, in frames, and in rows and columns: what stands still does so for
    /// long.
    private static let reach = (frames: 8, cells: 1)

    init(_ input: ReductionInput, anchors: [Int32], units: TensorBuffer<Float>, representation: [Float]) {
        self.input = input
        self.units = units
        self.representation = representation
        rowCount = anchors.count
        rows = representation.map { _ in -1 }
        compared = representation.map { _ in 0 }
        for (row, anchor) in anchors.enumerated() { rows[Int(anchor)] = row }
    }

    /// Gives rows of their own to some tokens of a stretch.
    mutating func free(_ count: Int, of tokens: Range<Int>) {
        let candidates = tokens.filter { rows[$0] < 0 }
        let order = Ranking.spread(candidates.count).map { candidates[$0] }
        var heap = GainHeap(order.map { 1 - representation[$0] })
        for _ in 0..<count {
            guard let worst = heap.popMaximum(recomputing: { distance(of: order[$0]) })?.row else { return }
            rows[order[worst]] = rowCount + freed.count
            freed.append(order[worst])
        }
    }

    /// How unlike a token is to all that represents it by now.
    private mutating func distance(of token: Int) -> Float {
        let shape = input.grid.shape
        let (frame, row, column) = input.grid.position(of: token)
        for frame in Self.near(frame, reach: Self.reach.frames, of: shape.frames) {
            for row in Self.near(row, reach: Self.reach.cells, of: shape.rows) {
                for column in Self.near(column, reach: Self.reach.cells, of: shape.columns) {
                    let other = rows[(frame * shape.rows + row) * shape.columns + column]
                    guard other >= compared[token] else { continue }
                    representation[token] = max(representation[token], cosine(token, row: other))
                }
            }
        }
        compared[token] = rowCount + freed.count
        return 1 - representation[token]
    }

    private static func near(_ place: Int, reach: Int, of count: Int) -> Range<Int> {
        max(place - reach, 0)..<min(place + reach + 1, count)
    }

    private func cosine(_ token: Int, row: Int) -> Float {
        let isFreed = row >= rowCount
        let (values, index) = isFreed ? (input.grid.values, freed[row - rowCount]) : (units, row)
        let scale = input.norms[token] * (isFreed ? input.norms[index] : 1)
        guard scale > 0 else { return 0 }
        return input.grid.values.withRows(token..<token + 1, channels: input.channels) { x in
            values.withRows(index..<index + 1, channels: input.channels) { Rows.dot(x, $0) }
        } / scale
    }
}

extension ReductionPlan {
    /// The plan in reading order with rows of their own for some tokens, which leave those that held them.
    fileprivate func freeing(_ tokens: [Int]) -> ReductionPlan {
        var isFreed = [Bool](repeating: false, count: sourceCount)
        for token in tokens { isFreed[token] = true }
        let rows = (0..<count).map { row(of: $0, without: isFreed) } + tokens.map { Row(keeping: $0) }
        return ReductionPlan(sourceCount: sourceCount, rows: rows).inReadingOrder()
    }

    private func row(of index: Int, without isFreed: [Bool]) -> Row {
        let row = row(index)
        let stay = row.sources.indices.filter { !isFreed[row.sources[$0]] }
        guard stay.count < row.sources.count else { return row }
        // A row whose sources all left goes back to its anchor, which never leaves.
        guard !stay.isEmpty else { return .init(keeping: row.anchor) }
        let before = row.weights.reduce(0, +)
        let after = stay.reduce(Float(0)) { $0 + row.weights[$1] }
        let sources = stay.map { row.sources[$0] }
        guard after > 0 else { return .init(anchor: row.anchor, averaging: sources) }
        return .init(anchor: row.anchor, sources: sources, weights: stay.map { row.weights[$0] * before / after })
    }
}
