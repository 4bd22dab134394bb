/// The patches of one temporal group in the order in which a tower works on them.
///
/// The patches of a block, which will be one token, follow one another, row by row; so do the blocks of a window, and
/// the windows. At the right and lower edge windows are smaller. Without windows all blocks make one.
struct PatchGrid: Sendable, Equatable {
    /// Where a patch lies.
    struct Place: Sendable, Equatable {
        let row: Int
        let column: Int
    }

    /// Patch rows.
    let rows: Int
    /// Patch columns.
    let columns: Int
    /// Patches along one side of a block.
    let mergeSide: Int
    /// Where each patch lies, in the order of states.
    let places: [Place]
    /// States of each window.
    let windows: [Range<Int>]
    /// Of each block in the order of states, its index when blocks are counted row by row.
    let blocks: [Int]

    /// Orders patches, `rows` and `columns` being multiples of `mergeSide`.
    ///
    /// - Parameter windowSide: Blocks along one side of a window; 0 for none.
    init(rows: Int, columns: Int, mergeSide: Int, windowSide: Int) {
        precondition(rows.isMultiple(of: mergeSide) && columns.isMultiple(of: mergeSide), "whole blocks")
        let (down, across) = (rows / mergeSide, columns / mergeSide)
        let side = windowSide > 0 ? windowSide : max(down, across, 1)
        var places: [Place] = []
        var windows: [Range<Int>] = []
        var blocks: [Int] = []
        for top in stride(from: 0, to: down, by: side) {
            for left in stride(from: 0, to: across, by: side) {
                let first = places.count
                for row in top..<min(top + side, down) {
                    for column in left..<min(left + side, across) {
                        blocks.append(row * across + column)
                        for patch in 0..<mergeSide * mergeSide {
                            let (inRow, inColumn) = patch.quotientAndRemainder(dividingBy: mergeSide)
                            places.append(Place(row: row * mergeSide + inRow, column: column * mergeSide + inColumn))
                        }
                    }
                }
                windows.append(first..<places.count)
            }
        }
        self.rows = rows
        self.columns = columns
        self.mergeSide = mergeSide
        self.places = places
        self.windows = windows
        self.blocks = blocks
    }

    /// Number of patches.
    var count: Int { places.count }

    /// A number for each state, put where the patches lie, row by row.
    func raster(_ values: [Float]) -> [Float] {
        var raster = [Float](repeating: 0, count: count)
        for (value, place) in zip(values, places) { raster[place.row * columns + place.column] = value }
        return raster
    }
}
