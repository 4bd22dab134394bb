internal import TensorOps
internal import TokenCore

/// VidKV: one to two bits for each number, by what kind of channel or token it belongs to.
///
/// Source: VidKV (arXiv 2503.16257). Channels are quantised in groups of `group` consecutive tokens.
/// - `keys`: the share `bits - 1` of the channels with the widest range gets 2 bits from least to largest. The others are
///   Fourier-transformed across channels and every real and imaginary part becomes its sign times the mean magnitude.
/// - `values`: numbers become -1, 0 or 1 (threshold half the mean magnitude) times the mean magnitude above it, five to a
///   byte; the share `salient` of the tokens, by importance, gets 2 bits instead.
///
/// Deviations: the released unpacking gives 0 and scale for signs and drops the scale of ternary codes; here the
/// formulas hold. Only the half of the spectrum that is not redundant is stored, and the number of salient tokens is
/// not cut to a multiple of the group. Minima, steps and scales are half-precision shares of the largest number.
/// Cost: O(N D) and for keys O(N D²) of matrix product.
struct MixedBitQuantizer: TokenQuantizer {
    static let descriptor = QuantizerDescriptor(
        name: "vidkv", summary: "One to two bits for each number, more for wide channels or important tokens.",
        source: "VidKV, arXiv 2503.16257",
        parameters: [
            .real("bits", 1.5, in: 1...2, "Mean bits for each number of form keys, without scales."),
            .choice("form", among: ["keys", "values"], "Which of the paper's two schemes."),
            .whole("group", 32, in: 2...4096, "Consecutive tokens that share a channel's scale."),
            .real("salient", 0.2, in: 0...1, "Share of the tokens at 2 bits, of form values."),
        ],
        cost: "O(N D²) for keys, O(N D) for values", rows: [47], licence: "Apache-2.0")

    private enum Form: CaseIterable { case keys, values }

    private let wideShare: Double
    private let form: Form
    private let group: Int
    private let salient: Double

    init(_ values: ParameterValues) {
        wideShare = values.real("bits") - 1
        form = values.choice("form", as: Form.self)
        group = values.whole("group")
        salient = values.real("salient")
    }

    func parts(of tokens: TokenMatrix) -> [String: QuantizedPart] {
        let (count, channels) = (tokens.count, tokens.channels)
        let unit = tokens.channelPeaks.max() ?? 0
        let shares = tokens.values.withUnsafeBufferPointer { $0.map { unit > 0 ? $0 / unit : 0 } }
        var parts: [String: QuantizedPart] = ["unit": .singles([unit], shape: [1])]
        let all = Array(0..<count)
        switch form {
        case .keys:
            let isWide = wideChannels(shares, channels)
            parts["wide"] = .bits(BitWriter.packing(isWide))
            let wide = Block(shares, channels, rows: all, columns: isWide.indices.filter { isWide[$0] })
            let rest = Block(shares, channels, rows: all, columns: isWide.indices.filter { !isWide[$0] })
            addSteps(of: wide, to: &parts)
            let spectrum = RealFourier.transform(rest.values, width: rest.width)
            addSigns(of: Block(spectrum, rows: count, width: rest.width), to: &parts)
        case .values:
            let isSalient = tokens.isSalient(share: salient)
            parts["salient"] = .bits(BitWriter.packing(isSalient))
            let columns = Array(0..<channels)
            addSteps(of: Block(shares, channels, rows: all.filter { isSalient[$0] }, columns: columns), to: &parts)
            addTernary(of: Block(shares, channels, rows: all.filter { !isSalient[$0] }, columns: columns), to: &parts)
        }
        return parts
    }

    func values(of stored: StoredParts) throws(TokenReelError) -> TensorBuffer<Float> {
        let (count, channels) = (stored.count, stored.channels)
        let unit = try stored.numbers("unit", [1])[0]
        let all = Array(0..<count)
        // Sizes are checked by reading the parts, before room is made for the tokens.
        let parts: [(block: Block, rows: [Int], columns: [Int])]
        switch form {
        case .keys:
            let isWide = try stored.flags("wide", count: channels)
            let wide = isWide.indices.filter { isWide[$0] }
            let rest = isWide.indices.filter { !isWide[$0] }
            let spectrum = try signs(in: stored, rows: count, width: rest.count)
            let values = RealFourier.transform(spectrum.values, width: rest.count, inverse: true)
            parts = [
                (try steps(in: stored, rows: count, width: wide.count), all, wide),
                (Block(values, rows: count, width: rest.count), all, rest),
            ]
        case .values:
            let isSalient = try stored.flags("salient", count: count)
            let salient = all.filter { isSalient[$0] }
            let rest = all.filter { !isSalient[$0] }
            let columns = Array(0..<channels)
            parts = [
                (try steps(in: stored, rows: salient.count, width: channels), salient, columns),
                (try ternary(in: stored, rows: rest.count, width: channels), rest, columns),
            ]
        }
        return TensorBuffer(count: count * channels) { output in
            for part in parts {
                for (place, row) in part.rows.enumerated() {
                    for (index, column) in part.columns.enumerated() {
                        output[row * channels + column] = unit * part.block.values[place * part.block.width + index]
                    }
                }
            }
        }
    }

    private func wideChannels(_ values: [Float], _ channels: Int) -> [Bool] {
        var low = [Float](repeating: .infinity, count: channels)
        var high = [Float](repeating: -.infinity, count: channels)
        for (index, value) in values.enumerated() {
            low[index % channels] = min(low[index % channels], value)
            high[index % channels] = max(high[index % channels], value)
        }
        var isWide = [Bool](repeating: false, count: channels)
        let ranges = zip(high, low).map { values.isEmpty ? 0 : $0 - $1 }
        for channel in Ranking.largest(Int((wideShare * Double(channels)).rounded()), of: ranges) {
            isWide[channel] = true
        }
        return isWide
    }

    // MARK: Groups of one channel

    /// Calls `body` with the places of each group in turn: all channels of the first tokens, then of the next.
    private func forEachGroup(rows: Int, width: Int, _ body: ([Int]) -> Void) {
        for tokens in Rows.blocks(of: rows, size: group) {
            for column in 0..<width { body(tokens.map { $0 * width + column }) }
        }
    }

    private func groupShape(_ rows: Int, _ width: Int) -> [Int] { [(rows + group - 1) / group, width] }

    private func addSteps(of block: Block, to parts: inout [String: QuantizedPart]) {
        var (minima, steps): ([Float], [Float]) = ([], [])
        var codes = BitWriter()
        forEachGroup(rows: block.rows, width: block.width) { places in
            let exact = UniformRange(of: places.lazy.map { block.values[$0] }, bits: 2)
            // The codes are of the numbers as they are stored.
            let range = UniformRange(
                minimum: Float(Float16(exact.minimum)), step: Float(Float16(exact.step)), bits: 2)
            minima.append(range.minimum)
            steps.append(range.step)
            for place in places { codes.append(range.code(block.values[place]), bits: 2) }
        }
        let shape = groupShape(block.rows, block.width)
        parts["steps.codes"] = .bits(codes.finished)
        parts["steps.minima"] = .rounded(minima, shape: shape)
        parts["steps.steps"] = .rounded(steps, shape: shape)
    }

    private func steps(in stored: StoredParts, rows: Int, width: Int) throws(TokenReelError) -> Block {
        let shape = groupShape(rows, width)
        let minima = try stored.numbers("steps.minima", shape)
        let steps = try stored.numbers("steps.steps", shape)
        var codes = try stored.bits("steps.codes", count: 2 * rows * width)
        var block = Block([Float](repeating: 0, count: rows * width), rows: rows, width: width)
        var index = 0
        forEachGroup(rows: rows, width: width) { places in
            for place in places { block.values[place] = minima[index] + Float(codes.next(2)) * steps[index] }
            index += 1
        }
        return block
    }

    private func addSigns(of block: Block, to parts: inout [String: QuantizedPart]) {
        var scales: [Float] = []
        var codes = BitWriter()
        forEachGroup(rows: block.rows, width: block.width) { places in
            scales.append(places.reduce(0) { $0 + abs(block.values[$1]) } / Float(places.count))
            for place in places { codes.append(block.values[place] < 0 ? 0 : 1, bits: 1) }
        }
        parts["signs.codes"] = .bits(codes.finished)
        parts["signs.scales"] = .rounded(scales, shape: groupShape(block.rows, block.width))
    }

    private func signs(in stored: StoredParts, rows: Int, width: Int) throws(TokenReelError) -> Block {
        let scales = try stored.numbers("signs.scales", groupShape(rows, width))
        var codes = try stored.bits("signs.codes", count: rows * width)
        var block = Block([Float](repeating: 0, count: rows * width), rows: rows, width: width)
        var index = 0
        forEachGroup(rows: rows, width: width) { places in
            for place in places { block.values[place] = codes.next(1) == 1 ? scales[index] : -scales[index] }
            index += 1
        }
        return block
    }

    /// Five ternary codes make a byte: 3^5 is 243.
    private static let ternaryPlaces = 5

    private func addTernary(of block: Block, to parts: inout [String: QuantizedPart]) {
        var scales: [Float] = []
        var codes: [Int] = []
        forEachGroup(rows: block.rows, width: block.width) { places in
            let threshold = 0.5 * places.reduce(0) { $0 + abs(block.values[$1]) } / Float(places.count)
            let above = places.lazy.map { abs(block.values[$0]) }.filter { $0 > threshold }
            let sum = above.reduce((sum: Float(0), count: 0)) { ($0.sum + $1, $0.count + 1) }
            scales.append(sum.count > 0 ? sum.sum / Float(sum.count) : 0)
            for place in places {
                let value = block.values[place]
                codes.append(abs(value) > threshold ? (value < 0 ? 0 : 2) : 1)
            }
        }
        let bytes = Rows.blocks(of: codes.count, size: Self.ternaryPlaces).map { places in
            UInt8(codes[places].reversed().reduce(0) { 3 * $0 + $1 })
        }
        parts["ternary.codes"] = .bits(bytes)
        parts["ternary.scales"] = .rounded(scales, shape: groupShape(block.rows, block.width))
    }

    private func ternary(in stored: StoredParts, rows: Int, width: Int) throws(TokenReelError) -> Block {
        let scales = try stored.numbers("ternary.scales", groupShape(rows, width))
        let count = (rows * width + Self.ternaryPlaces - 1) / Self.ternaryPlaces
        var bytes = try stored.bits("ternary.codes", count: 8 * count)
        let codes = (0..<count).flatMap { _ -> [Int] in
            let byte = bytes.next(8)
            return [byte % 3, byte / 3 % 3, byte / 9 % 3, byte / 27 % 3, byte / 81 % 3]
        }
        var block = Block([Float](repeating: 0, count: rows * width), rows: rows, width: width)
        var (index, next) = (0, 0)
        forEachGroup(rows: rows, width: width) { places in
            for place in places {
                block.values[place] = Float(codes[next] - 1) * scales[index]
                next += 1
            }
            index += 1
        }
        return block
    }
}

/// Some rows and columns of a matrix, copied next to each other.
private struct Block {
    var values: [Float]
    let rows: Int
    let width: Int

    init(_ values: [Float], rows: Int, width: Int) {
        self.values = values
        self.rows = rows
        self.width = width
    }

    init(_ values: [Float], _ channels: Int, rows: [Int], columns: [Int]) {
        self.init(
            rows.flatMap { row in columns.map { values[row * channels + $0] } }, rows: rows.count,
            width: columns.count)
    }
}
