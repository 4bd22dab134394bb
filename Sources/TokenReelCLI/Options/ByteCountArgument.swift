internal import ArgumentParser

/// `2GB`, `500MB`, `1.5GiB`, or a number of bytes.
struct ByteCountArgument: ExpressibleByArgument {
    let bytes: Int

    private static let units: [(suffix: String, bytes: Double)] = [
        ("KIB", 0x1p10), ("MIB", 0x1p20), ("GIB", 0x1p30), ("TIB", 0x1p40), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9),
        ("TB", 1e12), ("B", 1), ("", 1),
    ]

    init?(argument: String) {
        let text = argument.uppercased()
        guard let unit = Self.units.first(where: { text.hasSuffix($0.suffix) }),
            let value = Double(text.dropLast(unit.suffix.count)), value > 0, value * unit.bytes < 1e18
        else { return nil }
        bytes = Int(value * unit.bytes)
    }
}
