internal import TokenCore
internal import VideoDecoding
internal import VisionEncoding

/// Opens a video, samples it to RGB at its own size and closes it.
func decodeBenchmark(_ arguments: [String]) throws -> Figures {
    guard arguments.count >= 2 else { throw Usage() }
    var options = DecodeOptions()
    switch arguments[1] {
    case "fps": options.sampling = .rate(Double(try number(arguments, 2)))
    case "frames": options.sampling = .count(try number(arguments, 2))
    case "keyframes": options.sampling = .keyframes
    default: throw Usage()
    }
    let (statistics, seconds) = try timed {
        let decoder = try VideoDecoder(.file(arguments[0]), options: options)
        while try decoder.next() != nil {}
        return decoder.statistics
    }
    var figures = Figures()
    figures["seconds"] = seconds
    figures["frames"] = Double(statistics.framesReturned)
    figures["decoded"] = Double(statistics.framesDecoded)
    figures["seeks"] = Double(statistics.seeks)
    return figures
}

/// Decodes every frame on one thread at the encoder's size, then encodes them all.
///
/// `seconds` is processor time of the whole, which other work on the machine does not stretch; less that of a decoder
/// that does not convert its pictures, it is scaling and encoding.
func encodeBenchmark(_ arguments: [String]) throws -> Figures {
    guard let video = arguments.first else { throw Usage() }
    let encoder = try DescriptorEncoder()
    var options = DecodeOptions()
    options.sampling = .all
    options.threads = 1
    if let size = encoder.frameSize { options.size = .exactly(width: size.width, height: size.height) }
    var encoding = 0.0
    let start = processorSeconds()
    let decoder = try VideoDecoder(.file(video), options: options)
    var count = 0
    while let frame = try decoder.next() {
        count += 1
        let encodingStart = processorSeconds()
        _ = try encoder.encode(frame, signals: [.saliency])
        encoding += processorSeconds() - encodingStart
    }
    let seconds = processorSeconds() - start
    var figures = Figures()
    figures["seconds"] = seconds
    figures["frames"] = Double(count)
    figures["encoding"] = encoding
    return figures
}
