internal import TensorOps

/// Finds the most similar of a fixed set of tokens for others, by cosine in single precision; of equals the first.
///
/// For many tokens most products need not be exact. With both factors rounded to bf16, which processors that have it
/// multiply twice as fast, a product of a and b is off by at most
///
///     |a - bf16(a)| |b| + |a| |b - bf16(b)| + |a - bf16(a)| |b - bf16(b)|
///
/// (Cauchy-Schwarz). So only destinations whose rounded product comes within twice that of the largest can be the best,
/// and only with those exact products are made; a source with too many such is compared with all. The outcome is the
/// same up to the rounding of single precision.
struct NearestDestinations: Sendable {
    /// A destination's place, and the source's product with its direction.
    typealias Match = (place: Int, product: Float)

    private let destinations: RowSelection
    /// One over each destination's length, 0 for zero vectors.
    private let inverse: [Float]
    private let blocks: [Range<Int>]
    /// The destinations of each block in bf16; empty where that would not save time.
    private let rounded: [PackedMatrix]
    /// The largest relative rounding error of a destination.
    private let destinationError: Float

    private static let destinationsPerBlock = 4096
    /// Fewer comparisons are over before the destinations are laid out in bf16.
    private static let fewComparisons = 1 << 21
    /// More exact products one by one would take longer than all of them at once.
    private static let mostCandidates = 128

    /// Prepares a search for about `sourceCount` tokens.
    init(_ rows: [Int], of tokens: TokenRows, sourceCount: Int) {
        let selection = RowSelection(rows, of: tokens)
        destinations = selection
        inverse = rows.map { tokens.norms[$0] > 0 ? 1 / tokens.norms[$0] : 0 }
        blocks = Rows.blocks(of: rows.count, size: Self.destinationsPerBlock)
        let isLarge = rows.count * sourceCount >= Self.fewComparisons
        let rounded = isLarge ? blocks.map { selection.withView(of: $0) { PackedMatrix($0, isRounded: true) } } : []
        self.rounded = rounded.compactMap { $0 }
        let errors = isLarge ? zip(rows, inverse).map { Self.roundingError(of: $0, tokens) * $1 } : []
        destinationError = errors.max() ?? 0
    }

    /// For each of some tokens, of the same matrix or another, the best destination.
    ///
    /// - Precondition: There is at least one destination.
    func best(for sources: [Int], of tokens: TokenRows) -> [Match] {
        guard !rounded.isEmpty else { return exact(for: sources, of: tokens) }
        let selection = RowSelection(sources, of: tokens)
        var best = [Match](repeating: (0, -.infinity), count: sources.count)
        var isOpen = [Bool](repeating: false, count: sources.count)
        let tolerances = sources.map { tolerance(for: $0, of: tokens) }
        for (block, rounded) in zip(blocks, rounded) {
            let products = selection.products(with: rounded)
            for source in best.indices where !isOpen[source] {
                let row = source * block.count..<(source + 1) * block.count
                guard let candidates = candidates(among: products, row, block, tolerance: tolerances[source]) else {
                    isOpen[source] = true
                    continue
                }
                for place in candidates {
                    let product = selection.product(of: source, with: destinations, row: place) * inverse[place]
                    if product > best[source].product { best[source] = (place, product) }
                }
            }
        }
        let open = isOpen.indices.filter { isOpen[$0] }
        for (source, match) in zip(open, exact(for: open.map { sources[$0] }, of: tokens)) { best[source] = match }
        return best
    }

    /// How far below the largest rounded product the largest exact one can lie.
    private func tolerance(for source: Int, of tokens: TokenRows) -> Float {
        let error = Self.roundingError(of: source, tokens)
        let length = tokens.norms[source]
        // Sums of single precision are off by 2^-23 of their magnitude for each term at most.
        let summation = Float(tokens.channels) * 0x1p-22 * length
        return 2 * (error + (length + error) * destinationError + summation)
    }

    /// The length of what a token loses when its numbers are rounded to bf16, to nearest, ties to even.
    private static func roundingError(of row: Int, _ tokens: TokenRows) -> Float {
        tokens.values.withRows(tokens.first + row..<tokens.first + row + 1, channels: tokens.channels) { token in
            var sum: Float = 0
            for value in token {
                let bits = value.bitPattern
                let lost = value - Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
                sum += lost * lost
            }
            return sum.squareRoot()
        }
    }

    /// Places whose rounded product is within the tolerance of the largest; nil if they are too many.
    private func candidates(
        among products: [Float], _ row: Range<Int>, _ block: Range<Int>, tolerance: Float
    ) -> [Int]? {
        products.withUnsafeBufferPointer { products in
            inverse.withUnsafeBufferPointer { inverse in
                var largest = -Float.infinity
                for (product, place) in zip(row, block) { largest = max(largest, products[product] * inverse[place]) }
                var candidates: [Int] = []
                for (product, place) in zip(row, block)
                where products[product] * inverse[place] >= largest - tolerance {
                    if candidates.count == Self.mostCandidates { return nil }
                    candidates.append(place)
                }
                return candidates
            }
        }
    }

    private func exact(for sources: [Int], of tokens: TokenRows) -> [Match] {
        let selection = RowSelection(sources, of: tokens)
        var best = [Match](repeating: (0, -.infinity), count: sources.count)
        for block in blocks {
            let products = selection.products(with: destinations, rows: block)
            products.withUnsafeBufferPointer { products in
                inverse.withUnsafeBufferPointer { inverse in
                    for source in best.indices {
                        let row = source * block.count - block.lowerBound
                        for place in block {
                            let product = products[row + place] * inverse[place]
                            if product > best[source].product { best[source] = (place, product) }
                        }
                    }
                }
            }
        }
        return best
    }
}
