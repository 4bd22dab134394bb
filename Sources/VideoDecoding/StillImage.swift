internal import CFFmpeg
public import TokenCore

extension VideoDecoder {
    /// Decodes a still image, such as the exemplar of a query: PNG, JPEG or WebP, turned upright by its orientation tag.
    ///
    /// - Parameters:
    ///   - source: A file, standard input or memory.
    ///   - size: The size of the result.
    ///   - limits: The most that the image may cost.
    /// - Returns: Full-range RGB; an alpha channel is dropped.
    /// - Throws: ``TokenReelError`` with code `unreadableInput`, `unsupportedInput`, `limitExceeded` or `inputOutput`.
    public static func image(
        _ source: VideoSource, size: FrameSize = .display, limits: Limits = Limits()
    ) throws(TokenReelError) -> VideoFrame {
        do throws(TokenReelError) {
            var options = DecodeOptions()
            options.size = size
            options.limits = limits
            try options.validate()
            let watch = Watch(limits: limits, cancellation: nil)
            watch.enter()
            let bytes = try ByteSource(source, limits: limits, watch: watch, spooling: true)
            let demuxer = try Demuxer(
                bytes, containers: VideoFormats.pictures, stream: nil, limits: limits, watch: watch)
            return try demuxer.withStream { context, stream throws(TokenReelError) in
                let facts = try StreamFacts(context, stream, threads: 1, limits: limits)
                let packet = try Packet()
                let picture = try Picture()
                if try demuxer.read(packet) { facts.decoder.send(packet, droppingNonReference: false) }
                facts.decoder.finish()
                guard case .picture = facts.decoder.receive(picture) else {
                    throw TokenReelError(
                        .unreadableInput, subject: source.name,
                        found: "a \(facts.info.codec) image that can't be decoded")
                }
                let orientation = Orientation(displayMatrix: cff_frame_display_matrix(picture.pointer))
                return try PictureConverter(size: size, orientation: orientation, limits: limits)
                    .convert(
                        picture, aspect: AVRational(num: 1, den: 1), pts: MediaTime(ticks: 0, timeBase: facts.tick))
            }
        } catch {
            throw error.about(source.name)
        }
    }
}
