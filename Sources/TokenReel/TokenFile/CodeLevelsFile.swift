internal import Safetensors
internal import TokenCore
internal import TokenReduction

// Several codes for each token: `levels.codes` U16 or I32 [L, T, H, W], `levels.sizes` and `levels.cells` I32 [L],
// `levels.codebook` F32 [sum of sizes, D].

extension CodeLevels {
    func write(to file: inout SafetensorsWriter, grid: [Int], channels: Int) {
        if sizes.allSatisfy({ $0 <= 1 << 16 }) {
            file.add("levels.codes", shape: [count] + grid, codes.map(UInt16.init))
        } else {
            file.add("levels.codes", shape: [count] + grid, codes)
        }
        file.add("levels.sizes", shape: [count], sizes.map { Int32($0) })
        file.add("levels.cells", shape: [count], cells.map { Int32($0) })
        file.add("levels.codebook", shape: [sizes.reduce(0, +), channels], floats: codebook)
    }

    /// Reads what a file holds; nil if it has no levels.
    init?(_ parts: TensorParts, grid: [Int], channels: Int) throws(TokenReelError) {
        guard parts.file.tensors["levels.codes"] != nil else { return nil }
        let count = try parts.sizes("levels.sizes", ["L"])[0]
        let sizes = try parts.indices("levels.sizes", [count]).map(Int.init)
        let cells = try parts.indices("levels.cells", [count]).map(Int.init)
        let codes = try parts.indices("levels.codes", [count] + grid)
        let tokens = grid.reduce(1, *)
        try parts.require(sizes.allSatisfy { $0 >= 0 }, "levels of negative size")
        try parts.require(cells.allSatisfy { 0...tokens ~= $0 }, "levels of more cells than tokens")
        try parts.require(
            codes.indices.allSatisfy { 0..<sizes[$0 / tokens] ~= Int(codes[$0]) },
            "codes outside their level's codebook")
        let codebook = try parts.floats("levels.codebook", [sizes.reduce(0, +), channels])
        self.init(sizes: sizes, codes: codes, codebook: codebook, cells: cells)
    }
}
