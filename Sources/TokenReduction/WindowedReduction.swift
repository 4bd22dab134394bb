public import TokenCore

extension Recipe {
    /// Reduces a grid as if its frames came from a stream: cut by the commit rule of streams, each segment reduced as a
    /// grid of its own, and the plans put one after the other.
    ///
    /// The count is exact as ever. A method that hashes learns a codebook for each segment; the codebook of the outcome
    /// holds them all. Working memory follows the window instead of the length of the video.
    ///
    /// - Throws: What ``reduce(_:_:)`` throws, and `invalidArgument` for a window that nothing fits into or an order by
    ///   rank, which would have to look at all segments.
    public func reduce(
        _ grid: TokenGrid, _ request: ReductionRequest, window: StreamWindow
    ) throws(TokenReelError) -> Reduction {
        try window.validate()
        guard request.order == .reading else {
            throw TokenReelError(
                .invalidArgument, subject: "order", found: "\(request.order.rawValue) together with a window",
                allowed: "reading", remedy: "leave out --order or --window")
        }
        let shape = grid.shape
        guard shape.tokenCount > 0 else { return try reduce(grid, request) }
        let request = try request.divided(among: shape)
        var reducer = SegmentReducer(
            self,
            budget: try RunningBudget(
                request.budget, tokensPerFrame: shape.tokensPerFrame, totalFrames: shape.frames), codebook: .fresh)
        var committer = SegmentCommitter(self, window: window)
        var parts: [Reduction] = []
        var start = 0
        func part(_ frames: Range<Int>) throws(TokenReelError) -> (grid: TokenGrid, request: ReductionRequest) {
            let frames = start + frames.lowerBound..<start + frames.upperBound
            return (try grid.frames(frames), request.part(of: grid.shape, frames))
        }
        let input: SegmentCommitter.Input = { frames throws(TokenReelError) in
            let (grid, request) = try part(frames)
            return try ReductionInput(grid, request)
        }
        func commit(_ segments: [Segment]) throws(TokenReelError) {
            for segment in segments {
                let (grid, request) = try part(segment.frames)
                parts.append(try reducer.reduce(grid, request))
            }
            start += segments.last?.end ?? 0
        }
        for frame in 0..<shape.frames {
            try request.cancellation?.check()
            let cells = frame * shape.tokensPerFrame..<(frame + 1) * shape.tokensPerFrame
            let segments = try grid.values.withUnsafeBufferPointer { values throws(TokenReelError) in
                try committer.append(
                    UnsafeBufferPointer(
                        rebasing: values[cells.lowerBound * shape.channels..<cells.upperBound * shape.channels]),
                    channels: shape.channels, at: grid.frameTimes[frame], input: input)
            }
            try commit(segments)
        }
        try commit(try committer.finish(input: input))
        return Reduction(joining: parts, channels: shape.channels)
    }
}

extension ReductionRequest {
    /// The same for some frames of a grid.
    fileprivate func part(of shape: GridShape, _ frames: Range<Int>) -> ReductionRequest {
        var part = self
        let cells = shape.tokensPerFrame
        if relevance?.count == shape.tokenCount {
            part.relevance = relevance.map { Array($0[frames.lowerBound * cells..<frames.upperBound * cells]) }
        }
        return part
    }
}

extension Reduction {
    /// Reductions of neighbouring stretches of frames as one of all of them.
    fileprivate init(joining parts: [Reduction], channels: Int) {
        var segments: [Segment] = []
        var timings: [StageTiming] = []
        var notices: [String] = []
        for part in parts {
            let start = segments.last?.end ?? 0
            segments += part.segments.map { Segment(start: start + $0.start, end: start + $0.end) }
            for timing in part.stageSeconds {
                if let place = timings.firstIndex(where: { $0.stage == timing.stage }) {
                    timings[place] = StageTiming(
                        stage: timing.stage, seconds: timings[place].seconds + timing.seconds)
                } else {
                    timings.append(timing)
                }
            }
            notices += part.notices.filter { !notices.contains($0) }
        }
        let relevances = parts.compactMap(\.relevance)
        let hashes = parts.compactMap(\.tokenHash)
        self.init(
            plan: ReductionPlan(joining: parts.map(\.plan)), segments: segments,
            relevance: relevances.isEmpty ? nil : relevances.flatMap { $0 },
            tokenHash: hashes.isEmpty ? nil : TokenHash(joining: hashes, channels: channels), prefixCoverage: nil,
            frameGrid: parts.first?.frameGrid, stageSeconds: timings, notices: notices)
    }
}

extension TokenHash {
    /// Hashes of neighbouring stretches of frames, each with its own entries.
    fileprivate init(joining parts: [TokenHash], channels: Int) {
        var codes: [Int32] = []
        var first: Int32 = 0
        for part in parts {
            codes += part.codes.map { first + $0 }
            first += Int32(part.count)
        }
        let levels = parts.compactMap(\.levels)
        self.init(
            codes: codes, plan: ReductionPlan(joining: parts.map(\.plan)),
            codebook: TensorBuffer(parts.flatMap(\.codebook.array)), count: Int(first),
            levels: levels.isEmpty ? nil : CodeLevels(joining: levels, channels: channels),
            isStreamable: parts.allSatisfy(\.isStreamable))
    }
}

extension CodeLevels {
    /// Levels of neighbouring stretches of frames; where one has fewer, an entry of zeros adds nothing.
    fileprivate init(joining parts: [CodeLevels], channels: Int) {
        var books: [TensorBuffer<Float>] = []
        var codes: [[Int32]] = []
        var cells: [Int] = []
        for level in 0..<(parts.map(\.count).max() ?? 0) {
            var book: [Float] = []
            var labels: [Int32] = []
            for part in parts {
                let first = Int32(book.count / channels)
                if level < part.count {
                    let start = part.sizes[..<level].reduce(0, +) * channels
                    book += part.codebook.sharing(start..<start + part.sizes[level] * channels).array
                    labels += part.codes(of: level).map { first + $0 }
                } else {
                    book += [Float](repeating: 0, count: channels)
                    labels += [Int32](repeating: first, count: part.tokenCount)
                }
            }
            books.append(TensorBuffer(book))
            codes.append(labels)
            cells.append(parts.reduce(0) { $0 + (level < $1.count ? $1.cells[level] : 0) })
        }
        self.init(books: books, codes: codes, channels: channels, cells: cells)
    }
}
