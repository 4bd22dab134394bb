internal import TensorOps
internal import TokenCore

/// A token of a stream's memory: what it is, where in the stream it lies, and what it stands for.
///
/// A source token is named by its place in the stream, `frame * cells + cell`, counted from the first frame of all.
struct MemoryToken: Sendable {
    /// `[channels]`, which is what tokens are compared by.
    var values: [Float]
    /// The token's vectors of the grid's further streams, one after the other; `[]` without any.
    var streams: [Float]
    /// The place that the token takes.
    var anchor: Int
    /// Places that the token was made of, ascending, as far as their frames are remembered.
    var sources: [Int]
    /// One weight for each source; they add up to less than they did once frames are forgotten.
    var weights: [Float]
    /// How many tokens of the stream it stands for, those of forgotten frames among them.
    var mass: Double

    /// The mean of two tokens, each counted by its mass, in the place of the heavier, of equals the earlier.
    func merged(with other: MemoryToken) -> MemoryToken {
        let heavier = (mass, other.anchor) >= (other.mass, anchor) ? self : other
        let share = Float(mass / (mass + other.mass))
        func mean(_ mine: [Float], _ theirs: [Float]) -> [Float] {
            zip(mine, theirs).map { share * $0 + (1 - share) * $1 }
        }
        var merged = MemoryToken(
            values: mean(values, other.values), streams: mean(streams, other.streams), anchor: heavier.anchor,
            sources: [], weights: [], mass: mass + other.mass)
        var (mine, theirs) = (sources[...], other.sources[...])
        while let place = [mine.first, theirs.first].compactMap(\.self).min() {
            var weight: Float = 0
            if mine.first == place {
                weight += share * weights[mine.startIndex]
                mine.removeFirst()
            }
            if theirs.first == place {
                weight += (1 - share) * other.weights[theirs.startIndex]
                theirs.removeFirst()
            }
            merged.sources.append(place)
            merged.weights.append(weight)
        }
        return merged
    }

    /// Leaves out sources that are not in one of `frames`.
    mutating func forget(allBut frames: Set<Int>, cells: Int) {
        let kept = sources.indices.filter { frames.contains(sources[$0] / cells) }
        guard kept.count < sources.count else { return }
        sources = kept.map { sources[$0] }
        weights = kept.map { weights[$0] }
    }
}

/// A committed segment as a memory sees it: its frames, and the tokens they were reduced to.
struct MemorySegment {
    let grid: TokenGrid
    let plan: ReductionPlan
    /// The place of the segment's first frame in the stream.
    let firstFrame: Int

    /// The tokens of the reduction, by anchor.
    var tokens: [MemoryToken] {
        let channels = grid.shape.channels
        let values = plan.applied(to: grid.values, channels: channels)
        let streams = grid.deepstack.map { plan.applied(to: $0, channels: channels) }
        let start = firstFrame * grid.shape.tokensPerFrame
        return (0..<plan.count).map { index in
            let row = plan.row(index)
            return MemoryToken(
                values: values.withRows(index..<index + 1, channels: channels) { Array($0) },
                streams: streams.flatMap { $0.withRows(index..<index + 1, channels: channels) { Array($0) } },
                anchor: start + row.anchor, sources: row.sources.map { start + $0 }, weights: row.weights,
                mass: Double(row.sources.count))
        }.sorted { $0.anchor < $1.anchor }
    }
}

/// A rule by which a stream is remembered.
protocol MemoryKeeper: Sendable {
    /// Takes in a segment.
    mutating func remember(_ segment: MemorySegment)
    /// What is remembered, by anchor; anchors are distinct.
    var tokens: [MemoryToken] { get }
    /// Leaves out sources of forgotten frames.
    mutating func forget(allBut frames: Set<Int>, cells: Int)
}
