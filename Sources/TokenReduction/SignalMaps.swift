internal import TokenCore

extension ReductionInput {
    /// The layers of a map, each a number for every source token; nil if the grid does not carry it.
    func layers(of signal: Signal) -> [[Float]]? {
        let count = grid.shape.tokenCount
        return grid.maps[signal].map { map in
            (0..<map.layers).map { Array(map.values[$0 * count..<($0 + 1) * count]) }
        }
    }
}
