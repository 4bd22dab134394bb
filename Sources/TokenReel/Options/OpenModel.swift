internal import Essentials
package import TokenCore
internal import TokenReduction
internal import VideoDecoding
internal import VisionEncoding

/// A model that has been read once, and what reductions with it do unless they say otherwise.
package struct OpenModel: Sendable {
    private let encoder: any FrameEncoder
    /// Where words are read.
    private let textFolder: CheckpointFolder?
    private let options: PipelineOptions

    /// Reads what the options name; without a model takes the built-in encoder.
    ///
    /// - Throws: ``TokenReelError`` of the checkpoint, and ``TokenReelError/Code/invalidArgument`` for options that make
    ///   no sense.
    package init(_ options: PipelineOptions) throws(TokenReelError) {
        let folder = try options.folder(.model)
        let queryFolder = try options.folder(.queryModel)
        textFolder = queryFolder ?? folder
        var encoder: any FrameEncoder
        if let folder {
            encoder = try folder.encoder(try options.towerOptions())
        } else {
            let (rows, columns) = try options[.grid]?.pair() ?? (14, 14)
            encoder = try DescriptorEncoder(rows: rows, columns: columns)
        }
        for key in [.layer, .space, .saliency, .leastPixels, .mostPixels] as [PipelineOptions.Key]
        where folder == nil && options[key] != nil {
            throw TokenReelError(
                .invalidArgument, subject: "option \(key.rawValue)", found: "an option for a model without one",
                remedy: "name a checkpoint folder with model")
        }
        if folder != nil, options[.grid] != nil {
            throw TokenReelError(
                .invalidArgument, subject: "option grid",
                found: "a grid for the built-in encoder together with a model",
                remedy: "leave one of them out")
        }
        if let queryFolder {
            let precision = try options[.precision]?.choice(of: Precision.self) ?? .f32
            encoder = try PairedEncoder(encoder, patchesFrom: queryFolder, precision: precision)
        }
        self.encoder = encoder
        self.options = options
        _ = try pipeline()
    }

    /// A pipeline with the model's options and those of one call above them.
    ///
    /// - Throws: ``TokenReelError`` of a query's file or of the model that reads it, and
    ///   ``TokenReelError/Code/invalidArgument``.
    package func pipeline(
        _ call: PipelineOptions = PipelineOptions(), cancellation: Cancellation? = nil
    ) throws(TokenReelError) -> Pipeline {
        let options = try options.overridden(by: call)
        var pipeline = Pipeline(encoder: encoder)
        try options.setSampling(&pipeline)
        try options.setMethod(&pipeline)
        let threads = try options[.threads]?.count() ?? ProcessInfo.processInfo.activeProcessorCount
        pipeline.decodeOptions.threads = threads
        pipeline.request.workers = threads
        pipeline.request.cancellation = cancellation
        pipeline.window = try options.window()
        pipeline.measuresQuality = try options[.measure]?.flag() ?? true
        try pipeline.validate()
        try options.setQuery(&pipeline, textFolder: textFolder)
        return pipeline
    }

    /// A reduction of a stream of frames.
    ///
    /// - Throws: As ``pipeline(_:cancellation:)``, and ``TokenReelError/Code/invalidArgument`` for what makes no sense for
    ///   a stream.
    package func liveReduction(
        _ call: PipelineOptions, cancellation: Cancellation
    ) throws(TokenReelError) -> LiveReduction {
        let pipeline = try pipeline(call, cancellation: cancellation)
        var reduction = LiveReduction(pipeline, window: pipeline.window ?? StreamWindow())
        reduction.sourceName = try sourceName(call)
        try reduction.validate()
        return reduction
    }

    /// The name that files get for their source.
    package func sourceName(_ call: PipelineOptions) throws(TokenReelError) -> String? {
        try options.overridden(by: call).sourceName()
    }
}

extension PipelineOptions {
    fileprivate func folder(_ key: Key) throws(TokenReelError) -> CheckpointFolder? {
        guard let value = self[key] else { return nil }
        return try CheckpointFolder(try value.text())
    }

    fileprivate func towerOptions() throws(TokenReelError) -> VisionTowerOptions {
        var tower = VisionTowerOptions()
        tower.layer = try self[.layer]?.integer()
        tower.space = try self[.space]?.choice(of: FeatureSpace.self)
        if let value = self[.precision] { tower.precision = try value.choice(of: Precision.self) }
        if let value = self[.saliency] { tower.saliency = try value.choice(of: SaliencySource.self) }
        tower.leastPixels = try self[.leastPixels]?.count()
        tower.mostPixels = try self[.mostPixels]?.count()
        return tower
    }

    fileprivate func setSampling(_ pipeline: inout Pipeline) throws(TokenReelError) {
        if let value = self[.fps] { pipeline.sample(.rate(try value.number())) }
        if let value = self[.frames] {
            if let count = try value.count(or: "all") {
                pipeline.sample(.count(count))
            } else {
                pipeline.decodeOptions.sampling = .all
            }
        }
        if let value = self[.keyframes], try value.flag() { pipeline.decodeOptions.sampling = .keyframes }
        pipeline.decodeOptions.start = try self[.start]?.number()
        pipeline.decodeOptions.end = try self[.end]?.number()
        pipeline.decodeOptions.stream = try self[.stream]?.integer()
        pipeline.decodeOptions.limits = try limits()
    }

    fileprivate func setMethod(_ pipeline: inout Pipeline) throws(TokenReelError) {
        if let value = self[.method] { pipeline.method = try value.text() }
        if let value = self[.set] { pipeline.parameters = try value.settings() }
        if let value = self[.keep] { pipeline.request.budget = .ratio(try value.number()) }
        if let value = self[.tokens] { pipeline.request.budget = .tokens(try value.count()) }
        if let value = self[.perFrame] { pipeline.request.budget = .perFrame(try value.count()) }
        pipeline.request.codebook = try self[.codebook].map { value throws(TokenReelError) in
            try value.count(or: "auto").map { .fixed($0) } ?? .auto
        }
        if let value = self[.order] { pipeline.request.order = try value.choice(of: TokenOrder.self) }
        pipeline.request.isGridPreserving = try self[.gridPreserving]?.flag() ?? false
        pipeline.comparesStreams = try self[.compareStreams]?.flag() ?? false
        if let value = self[.positions] { pipeline.positionRule = try value.choice(of: PositionRule.self) }
        if let value = self[.quantize] { pipeline.quantization = try TokenQuantization(try value.text()) }
        pipeline.request.asPublished = try self[.asPublished]?.flag() ?? false
        pipeline.request.allowSubstitute = try self[.allowSubstitute]?.flag() ?? false
    }

    /// How much is looked at at once; nil for all of a video.
    fileprivate func window() throws(TokenReelError) -> StreamWindow? {
        guard self[.window] != nil || self[.maxLatency] != nil else { return nil }
        var window = StreamWindow()
        if let value = self[.window] { window.frames = try value.count() }
        window.seconds = try self[.maxLatency]?.number()
        return window
    }

    fileprivate func setQuery(_ pipeline: inout Pipeline, textFolder: CheckpointFolder?) throws(TokenReelError) {
        if let text = try self[.query]?.text() {
            guard let textFolder else {
                throw TokenReelError(
                    .missingSignal, subject: "option query", found: "words, and no text tower to read them",
                    remedy: "name a CLIP or SigLIP checkpoint with query_model or model, or give the query with "
                        + "query_image or query_embedding")
            }
            let question = try TextQuery(text, folder: textFolder, tower: pipeline.encoder as? VisionTower)
            pipeline.question = question
            pipeline.queryDescription = Pipeline.describeQuery(text: text, question)
        }
        if let path = try self[.queryImage]?.text() {
            let image = try VideoDecoder.image(
                .file(path), size: .display, limits: pipeline.decodeOptions.limits)
            pipeline.exemplar = try pipeline.encoder.query(from: image)
            pipeline.queryDescription = try Pipeline.describeQuery("image", path: path)
        }
        if let path = try self[.queryEmbedding]?.text() {
            pipeline.request.query = try Query(path: path)
            pipeline.queryDescription = try Pipeline.describeQuery("embedding", path: path)
        }
    }
}
