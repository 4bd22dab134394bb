import TensorOps
import Testing
import TokenCore
import TokenReduction

/// What every memory of a stream promises, whatever its policy.
@Suite struct StreamSummaryTests {
    private static let (rows, columns, channels) = (3, 4, 16)
    private static let cells = 12

    /// Segments of a stream: grids of 1 to 4 frames, each reduced to a share of its tokens.
    private func stream(_ count: Int, seed: UInt64 = 5) throws -> [(grid: TokenGrid, plan: ReductionPlan)] {
        var random = RandomNumbers(seed: seed)
        let recipe = try RecipeRegistry.recipe(named: "tome")
        var time = 0.0
        return try (0..<count).map { index in
            let frames = 1 + random.below(4)
            let video = try RandomGrid.video(
                frames: frames, rows: Self.rows, columns: Self.columns, channels: Self.channels,
                seed: UInt64(100 + index))
            let grid = try TokenGrid(
                shape: video.shape, values: video.values,
                frameTimes: (0..<frames).map { _ in
                    time += 0.25
                    return time
                }, saliency: video.saliency)
            return (grid, try recipe.reduce(grid, ReductionRequest(budget: .ratio(0.4))).plan)
        }
    }

    private func remember(
        _ policy: StreamMemoryPolicy, tokens: Int, _ stream: [(grid: TokenGrid, plan: ReductionPlan)],
        each: (StreamMemory, Int) throws -> Void = { _, _ in }
    ) throws -> StreamMemory {
        var memory = StreamMemory(policy, tokens: tokens)
        var frames = 0
        for segment in stream {
            memory.remember(segment.grid, reducedBy: segment.plan, firstFrame: frames)
            frames += segment.grid.shape.frames
            try each(memory, frames)
        }
        return memory
    }

    @Test(arguments: StreamMemoryPolicy.allCases, [12, 25, 60, 400])
    func summariesAreBoundedAndSound(policy: StreamMemoryPolicy, capacity: Int) throws {
        let stream = try stream(40)
        let times = stream.flatMap(\.grid.frameTimes)
        var most = 0
        let end = try remember(policy, tokens: capacity, stream) { memory, frames in
            let summary = try #require(try memory.summary)
            most = max(most, memory.count)
            #expect(memory.count <= capacity && memory.count == summary.plan.count)
            #expect(summary.tokens.count == summary.plan.count * Self.channels)
            #expect(summary.tokens.array.allSatisfy { $0.isFinite })
            let plan = summary.plan
            // The checking initialiser asserts distinct anchors and valid, ascending sources.
            _ = try ReductionPlan(
                sourceCount: plan.sourceCount, offsets: plan.offsets, sources: plan.sources, weights: plan.weights,
                anchors: plan.anchors)
            #expect(zip(plan.anchors, plan.anchors.dropFirst()).allSatisfy(<))
            // Every remembered frame is one in which a token lies.
            #expect(Set(plan.anchors.map { Int($0) / Self.cells }).count == summary.shape.frames)
            #expect(Set(summary.frameTimes).isSubset(of: times.prefix(frames)))
            #expect(zip(summary.frameTimes, summary.frameTimes.dropFirst()).allSatisfy(<))
            for row in 0..<plan.count {
                #expect(plan.sources[plan.entries(of: row)].contains(plan.anchors[row]))
                #expect(plan.weights[plan.entries(of: row)].reduce(0, +) <= 1.0001)
            }
        }
        // It fills what it was given; the averaged sink by whole frames.
        let seen = stream.reduce(0) { $0 + $1.plan.count }
        switch policy {
        case .averagedSink: #expect(most == min(capacity, times.count * Self.cells) / Self.cells * Self.cells)
        case .sinkWindow, .merging: #expect(most == min(capacity, seen))
        case .novelty: #expect(most == min(capacity, most) && most >= min(capacity, Self.channels / 2))
        }
        #expect(end.count > 0)
    }

    /// Further streams take part in nothing: they are as the tokens are, by the same plan, whatever is merged or averaged.
    @Test(arguments: StreamMemoryPolicy.allCases, [12, 25, 400])
    func furtherStreamsAreRememberedByTheSamePlan(policy: StreamMemoryPolicy, capacity: Int) throws {
        let plain = try stream(30)
        let streamed = try plain.map { segment in
            let values = segment.grid.values.array
            // Factors of two change no rounding.
            let grid = try TokenGrid(
                shape: segment.grid.shape, values: segment.grid.values, frameTimes: segment.grid.frameTimes,
                saliency: segment.grid.saliency,
                deepstack: [TensorBuffer(values.map { -2 * $0 }), TensorBuffer(values.map { $0 / 4 })])
            return (grid: grid, plan: segment.plan)
        }
        let expected = try #require(try remember(policy, tokens: capacity, plain).summary)
        #expect(expected.deepstack.isEmpty)
        let summary = try #require(try remember(policy, tokens: capacity, streamed).summary)
        #expect(summary.plan == expected.plan && summary.tokens.array == expected.tokens.array)
        #expect(summary.deepstack.count == 2)
        #expect(summary.deepstack[0].array == expected.tokens.array.map { -2 * $0 })
        #expect(summary.deepstack[1].array == expected.tokens.array.map { $0 / 4 })
    }

    /// As long as everything fits, the memory is the reduction itself.
    @Test(arguments: [StreamMemoryPolicy.sinkWindow, .merging])
    func aMemoryThatHoldsEverythingIsTheStreamsReduction(policy: StreamMemoryPolicy) throws {
        let stream = try stream(6)
        let summary = try #require(try remember(policy, tokens: 10_000, stream).summary)
        let anchored = ReductionPlan(joining: stream.map(\.plan))
        let values = TensorBuffer(stream.flatMap(\.grid.values.array))
        #expect(summary.tokens.array == anchored.applied(to: values, channels: Self.channels).array)
        #expect(summary.plan.sizes == anchored.sizes)
    }

    @Test func theSinkWindowHoldsTheFirstAndTheLast() throws {
        let stream = try stream(30)
        let summary = try #require(try remember(.sinkWindow, tokens: 40, stream).summary)
        let tokens = zip(stream.map(\.plan), stream.map(\.grid)).flatMap { plan, grid in
            plan.applied(to: grid.values, channels: Self.channels).array
        }
        let all = tokens.count / Self.channels
        #expect(
            summary.tokens.array
                == Array(tokens.prefix(5 * Self.channels) + tokens.suffix(35 * Self.channels)) && all > 40)
    }

    @Test func theAveragedSinkBlendsWhatLeavesItsWindow() throws {
        let stream = try stream(20)
        let frames = stream.flatMap { segment in
            (0..<segment.grid.shape.frames).map { frame in
                Array(segment.grid.values.array[frame * 192..<(frame + 1) * 192])
            }
        }
        // Five frames: one of them the sink.
        let summary = try #require(try remember(.averagedSink, tokens: 65, stream).summary)
        #expect(summary.shape.frames == 5 && summary.plan.count == 60)
        var sink = frames[0]
        for frame in frames[1..<frames.count - 4] { sink = zip(sink, frame).map { 0.99 * $0 + 0.01 * $1 } }
        expectClose(Array(summary.tokens.array.prefix(192)), sink)
        #expect(Array(summary.tokens.array.suffix(192)) == frames.last)
        // What is left of the first frame in it.
        let left = (1..<frames.count - 4).reduce(Float(1)) { weight, _ in weight * 0.99 }
        expectClose(Array(summary.plan.weights.prefix(12)), [Float](repeating: left, count: 12))
    }

    /// Merging is a weighted mean of all that was merged, so the mean of the whole stream stays.
    @Test func mergingKeepsTheMeanOfAllThatWasSeen() throws {
        let stream = try stream(50)
        var mean = [Double](repeating: 0, count: Self.channels)
        var count = 0.0
        for segment in stream {
            let tokens = segment.plan.applied(to: segment.grid.values, channels: Self.channels)
            for (row, size) in segment.plan.sizes.enumerated() {
                for channel in 0..<Self.channels {
                    mean[channel] += Double(size) * Double(tokens[row * Self.channels + channel])
                }
                count += Double(size)
            }
        }
        // Two tokens for everything: nothing but means of means.
        let summary = try #require(try remember(.merging, tokens: 2, stream).summary)
        #expect(summary.plan.count == 2)
        // Their masses are those that make their mean the stream's; there is one such share in 0...1.
        let (a, b) = (summary.tokens.array.prefix(Self.channels), summary.tokens.array.suffix(Self.channels))
        let target = mean.map { Float($0 / count) }
        let direction = zip(b, a).map { $0 - $1 }
        let share =
            zip(zip(target, a).map { $0 - $1 }, direction).reduce(Float(0)) { $0 + $1.0 * $1.1 }
            / direction.reduce(Float(0)) { $0 + $1 * $1 }
        #expect(share > 0 && share < 1)
        expectClose(zip(a, direction).map { $0 + share * $1 }, target)
    }

    @Test func mergingLeavesTheRecentAlone() throws {
        let stream = try stream(40)
        let summary = try #require(try remember(.merging, tokens: 60, stream).summary)
        let tokens = stream.flatMap { $0.plan.applied(to: $0.grid.values, channels: Self.channels).array }
        // The newer half is never touched.
        #expect(Array(summary.tokens.array.suffix(25 * Self.channels)) == Array(tokens.suffix(25 * Self.channels)))
        let times = summary.frameTimes
        #expect(times.allSatisfy { $0 > 0 } && times.first ?? 99 < 6 && times.last == stream.last?.grid.frameTimes.last)
    }

    @Test func whatIsNovelStaysAndWhatIsKnownDoesNotEnter() throws {
        let shape = try GridShape(frames: 1, rows: 1, columns: 4, channels: 8)
        func segment(_ vectors: [[Float]], at time: Double) throws -> (TokenGrid, ReductionPlan) {
            let grid = try TokenGrid(shape: shape, values: TensorBuffer(vectors.flatMap { $0 }), frameTimes: [time])
            return (grid, .identity(4))
        }
        func axis(_ index: Int, _ scale: Float = 1) -> [Float] { (0..<8).map { $0 == index ? scale : 0 } }
        let known = [axis(0), axis(1), axis(0, 2), axis(1, 3)]
        var stream = [try segment(known, at: 0)]
        for time in 1..<20 { stream.append(try segment(known, at: Double(time))) }
        stream.append(try segment([axis(0), axis(5), axis(1), axis(0)], at: 20))
        let summary = try #require(try remember(.novelty, tokens: 6, stream).summary)
        #expect(summary.frameTimes == [0, 20])
        #expect(summary.tokens.array == axis(0) + axis(1) + axis(5))
    }

    @Test func whatIsTooSmallIsRefused() throws {
        for (policy, tokens) in [(StreamMemoryPolicy.averagedSink, 195), (.merging, 1), (.sinkWindow, 0)] {
            let error = #expect(throws: TokenReelError.self) {
                try StreamMemory(policy, tokens: tokens).validate(tokensPerFrame: 196)
            }
            #expect(error?.remedy?.contains("--memory-tokens") == true)
        }
        try StreamMemory(.averagedSink, tokens: 196).validate(tokensPerFrame: 196)
        let empty = try StreamMemory(.merging, tokens: 4).summary
        #expect(empty == nil)
    }
}
