public import TokenCore

/// Where a live stream comes from: a camera, an address, a pipe, or a file that stands in for one.
///
/// Understands `/dev/video0`, `rtsp://…`, `http://…` and `https://…` (MJPEG as cameras send it, or a video file's
/// bytes), `udp://…` and `tcp://…` (MPEG-TS), `-` for standard input, and paths of files and named pipes.
public struct LiveSource: Sendable {
    /// The kinds of source, which differ in what happens when nobody keeps up and when they fall silent.
    public enum Kind: String, Sendable {
        /// A camera or capture card of this machine, through Video4Linux.
        case device
        /// An address.
        case network
        /// Standard input.
        case pipe
        /// A file or a named pipe by its path.
        case file
    }

    /// What carries the pictures of an RTSP source.
    public enum Transport: String, Sendable, CaseIterable {
        /// The connection of the session itself, which loses nothing.
        case tcp
        /// Packets of their own, which may be lost.
        case udp
    }

    /// The text that the source was made from.
    public let location: String
    /// What kind of source the text names.
    public let kind: Kind
    /// What carries the pictures of an RTSP source.
    public var transport = Transport.tcp
    /// The size to ask a device for; nil takes its own choice.
    public var size: (width: Int, height: Int)?
    /// Frames a second to ask a device for; nil takes its own choice.
    public var rate: Double?
    /// The pixel format or codec to ask a device for, such as `yuyv422` or `mjpeg`; nil takes its own choice.
    public var pixelFormat: String?
    /// Plays a file at its own speed rather than as fast as it is read.
    public var realtime = false

    /// Understands what a user names.
    ///
    /// - Throws: ``TokenReelError`` with code `unsupportedInput` for addresses of other schemes.
    public init(_ location: String) throws(TokenReelError) {
        self.location = location
        if location == "-" {
            kind = .pipe
        } else if location.hasPrefix("/dev/video") || location.hasPrefix("/dev/v4l/") {
            kind = .device
        } else if let scheme = NamedInput.scheme(of: location) {
            guard Self.containers[scheme] != nil else {
                throw TokenReelError(
                    .unsupportedInput, subject: NamedInput.withoutCredentials(location), found: "the scheme \(scheme)",
                    allowed: Self.containers.keys.sorted().joined(separator: ", "))
            }
            kind = .network
        } else {
            kind = .file
        }
    }

    /// Whether the source waits for its reader, so that nothing is ever dropped: pipes and files do.
    public var isLossless: Bool { kind == .pipe || kind == .file }

    /// The location as it may be shown: without user and password.
    public var name: String { kind == .network ? NamedInput.withoutCredentials(location) : location }
}

extension LiveSource {
    /// What may come over each scheme.
    ///
    /// A stream that starts anywhere needs a container that can be entered anywhere.
    private static let containers: [String: [String]] = [
        "rtsp": ["rtsp"],
        "http": byteContainers,
        "https": byteContainers,
        "udp": ["mpegts"],
        "tcp": ["mpegts"],
    ]

    /// What may come as a stream of bytes: containers of files, and JPEG pictures one after the other.
    static let byteContainers = ["mpjpeg", "mjpeg", "jpeg_pipe"] + VideoFormats.containers

    /// What FFmpeg opens, and all that it may use for it; nil for pipes and files, which are opened here.
    var input: NamedInput? {
        switch kind {
        case .pipe, .file: return nil
        case .device:
            var options: [String: String] = [:]
            if let size { options["video_size"] = "\(size.width)x\(size.height)" }
            if let rate { options["framerate"] = "\(rate)" }
            options["input_format"] = pixelFormat
            return NamedInput(
                name: location, protocols: ["none"], containers: ["video4linux2,v4l2"], device: "video4linux2",
                isOpenedByDemuxer: true, options: options, isLive: true)
        case .network:
            let scheme = NamedInput.scheme(of: location) ?? ""
            let containers = Self.containers[scheme] ?? []
            switch scheme {
            case "rtsp":
                return NamedInput(
                    name: location, protocols: transport == .udp ? ["tcp", "udp", "rtp"] : ["tcp"],
                    containers: containers, isOpenedByDemuxer: true,
                    options: ["rtsp_transport": transport.rawValue], isLive: true)
            case "http", "https":
                // No redirects: a camera that is not where the user says is not the user's camera.
                return NamedInput(
                    name: location, protocols: scheme == "https" ? ["https", "tls", "tcp"] : ["http", "tcp"],
                    containers: containers, options: ["max_redirects": "0"], isLive: true)
            default:
                // A burst that overruns the buffer loses packets; it need not end the stream.
                return NamedInput(
                    name: location, protocols: [scheme], containers: containers,
                    options: scheme == "udp" ? ["overrun_nonfatal": "1"] : [:], isLive: true)
            }
        }
    }
}
