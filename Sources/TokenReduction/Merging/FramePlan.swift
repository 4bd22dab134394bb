internal import TokenCore

extension ReductionPlan {
    /// A plan over frames as one over tokens that treats every cell alike: frame by frame, cell by cell.
    func repeated(forCells cells: Int) -> ReductionPlan {
        let rows = (0..<count).flatMap { index -> [Row] in
            let row = row(index)
            return (0..<cells).map { cell in
                Row(
                    anchor: row.anchor * cells + cell, sources: row.sources.map { $0 * cells + cell },
                    weights: row.weights)
            }
        }
        return ReductionPlan(sourceCount: sourceCount * cells, rows: rows)
    }
}
