internal import TensorOps
internal import TokenCore

extension Reconciliation {
    /// A plan without the rows that are too many, which are folded into others of the same quota.
    ///
    /// Folding a row of n sources into one that it has a cosine c with loses about n (1 - c). The row that loses least
    /// goes first, into the row nearby most like it, which then stands for more and is the dearer to fold; a row whose
    /// partner has gone looks for the next best. Of equal partners the nearest is taken, and equal rows go evenly
    /// spread, so that a stretch that stands still thins out all along.
    ///
    /// O(K W D) for K rows with W near each, whose cosines are held.
    func fold(_ plan: ReductionPlan, _ quotas: [Quota]) -> ReductionPlan {
        let crowded = quotas.map { (rows: plan.rows(anchoredIn: $0.tokens), count: $0.count) }
            .filter { $0.rows.count > $0.count }
        guard !crowded.isEmpty else { return plan }
        let units = units(of: plan)
        let sizes = plan.sizes
        var partners = Array(0..<plan.count)
        for (rows, count) in crowded {
            var folding = Folding(sizes: Array(sizes[rows]), cosines: nearCosines(of: rows, units))
            for (row, partner) in folding.fold(rows.count - count) {
                partners[rows.lowerBound + row] = rows.lowerBound + partner
            }
        }
        return plan.uniting(partners, sizes)
    }

    /// The cosines of each of some rows to those near it.
    private func nearCosines(of rows: Range<Int>, _ units: TensorBuffer<Float>) -> [NearCosines] {
        Rows.blocks(of: rows.count, size: 64).mapParallel(workers: input.workers) { block -> [NearCosines] in
            let first = Self.near(block.lowerBound, of: rows.count).lowerBound
            let others = first..<Self.near(block.upperBound - 1, of: rows.count).upperBound
            let products = units.withRows(block.shifted(by: rows.lowerBound), channels: input.channels) { a in
                units.withRows(others.shifted(by: rows.lowerBound), channels: input.channels) { b in
                    Matrix.products(a, rows: block.count, b, rows: others.count, channels: input.channels)
                }
            }
            return block.map { row in
                let near = Self.near(row, of: rows.count)
                let line = near.shifted(by: (row - block.lowerBound) * others.count - first)
                return NearCosines(rows: near, values: products[line])
            }
        }.flatMap { $0 }
    }
}

/// How like one row those near it are.
private struct NearCosines {
    let rows: Range<Int>
    let values: ArraySlice<Float>
}

/// Rows on their way to fewer.
private struct Folding {
    private var sizes: [Float]
    private let cosines: [NearCosines]
    private var isLeft: [Bool]
    /// For each row the most similar one nearby that is left; nil for the last.
    private var partners: [(row: Int, cosine: Float)?]

    init(sizes: [Float], cosines: [NearCosines]) {
        self.sizes = sizes
        self.cosines = cosines
        isLeft = sizes.map { _ in true }
        partners = sizes.map { _ in nil }
        for row in sizes.indices { partners[row] = partner(of: row) }
    }

    /// Folds some rows and names, first to last, which joins which.
    mutating func fold(_ count: Int) -> [(row: Int, partner: Int)] {
        let order = Ranking.spread(sizes.count)
        var heap = GainHeap(order.map { gain(of: $0) })
        var folds: [(row: Int, partner: Int)] = []
        while folds.count < count, let next = heap.popMaximum(recomputing: { gain(of: order[$0]) }) {
            let row = order[next.row]
            guard let partner = partners[row]?.row else { break }
            isLeft[row] = false
            sizes[partner] += sizes[row]
            folds.append((row, partner))
        }
        return folds
    }

    /// What folding a row loses, below zero.
    private mutating func gain(of row: Int) -> Float {
        if let partner = partners[row], !isLeft[partner.row] { partners[row] = self.partner(of: row) }
        guard let partner = partners[row] else { return -.infinity }
        // Rounding may push the cosine of equal rows past 1.
        return min(partner.cosine - 1, 0) * sizes[row]
    }

    private func partner(of row: Int) -> (row: Int, cosine: Float)? {
        var best: (row: Int, cosine: Float)?
        for (other, cosine) in zip(cosines[row].rows, cosines[row].values) where other != row && isLeft[other] {
            guard let (place, highest) = best else { best = (other, cosine); continue }
            if cosine > highest || (cosine == highest && abs(other - row) < abs(place - row)) { best = (other, cosine) }
        }
        if let best { return best }
        // Where all nearby have gone, the next one anywhere, taken for its opposite.
        return sizes.indices.filter { $0 != row && isLeft[$0] }.min { abs($0 - row) < abs($1 - row) }.map { ($0, -1) }
    }
}

extension ReductionPlan {
    /// Each row that is its own partner, averaged with those that joined it, each counted by its size.
    fileprivate func uniting(_ partners: [Int], _ sizes: [Float]) -> ReductionPlan {
        var members = [[Int]](repeating: [], count: count)
        for row in partners.indices {
            var last = row
            while partners[last] != last { last = partners[last] }
            members[last].append(row)
        }
        let rows = members.enumerated().filter { !$1.isEmpty }.map { row, members in
            let total = members.reduce(0) { $0 + sizes[$1] }
            return Row(anchor: row, sources: members, weights: members.map { sizes[$0] / total })
        }
        return composed(with: ReductionPlan(sourceCount: count, rows: rows))
    }
}

extension Range<Int> {
    fileprivate func shifted(by offset: Int) -> Range<Int> { lowerBound + offset..<upperBound + offset }
}
