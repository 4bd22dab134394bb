internal import TokenCore
internal import TokenReduction

extension Reduction {
    /// What a token file says about the grid that every frame was left with; nothing where grids were not preserved.
    ///
    /// `frame_grid` has the rows and columns of tokens and whether they lie in the picture as in that grid (`placed`);
    /// for Qwen-VL models `grid_thw` is the grid of patches that would leave as many tokens.
    func frameGridMetadata(of shape: GridShape, _ facts: RotaryFacts?) -> [String: String] {
        guard let frameGrid else { return [:] }
        var strings = [
            "frame_grid": JSONValue.members([
                "rows": .integer(frameGrid.rows), "columns": .integer(frameGrid.columns),
                "placed": .boolean(frameGrid.isPlaced(plan, in: shape)),
            ]).text
        ]
        if let side = facts?.spatialMergeSize {
            strings["grid_thw"] = "\(shape.frames),\(frameGrid.rows * side),\(frameGrid.columns * side)"
        }
        return strings
    }
}
