internal import TokenCore

/// An input that FFmpeg itself opens by name, with all that it may use for it and nothing else.
package struct NamedInput {
    /// What FFmpeg is told to open.
    let name: String
    /// Protocols that may be spoken, also to where a server redirects.
    let protocols: [String]
    /// Accepted demuxers.
    let containers: [String]
    /// The demuxer of a device, which is named rather than found by probing.
    var device: String?
    /// Whether the demuxer opens the input; all others are opened as a stream of bytes before.
    var isOpenedByDemuxer = false
    /// FFmpeg's options for the protocol or the demuxer.
    var options: [String: String] = [:]
    /// Whether pictures come at the speed of the world: waiting for them is normal, looking ahead costs time.
    var isLive = false
}

extension NamedInput {
    /// An address whose video is decoded as a file's would be.
    init(address: String) throws(TokenReelError) {
        let schemes = ["http", "https", "rtsp", "rtp", "tcp", "udp", "tls"]
        guard let scheme = Self.scheme(of: address), schemes.contains(scheme) else {
            throw TokenReelError(
                .unsupportedInput, subject: address, found: "no address that is accepted",
                allowed: schemes.map { $0 + "://…" }.joined(separator: ", "))
        }
        self.init(
            name: address, protocols: schemes, containers: VideoFormats.containers + ["rtsp", "rtp"],
            isOpenedByDemuxer: scheme.hasPrefix("rt"), options: ["rtsp_flags": "prefer_tcp"])
    }

    /// Such as `rtsp`, in lower case; nil where the text is no address.
    static func scheme(of text: String) -> String? {
        guard let end = text.firstRange(of: "://")?.lowerBound, end > text.startIndex else { return nil }
        let scheme = text[..<end]
        return scheme.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) } ? scheme.lowercased() : nil
    }

    /// An address as it may be shown: without user and password.
    package static func withoutCredentials(_ address: String) -> String {
        guard let scheme = address.firstRange(of: "://") else { return address }
        let rest = address[scheme.upperBound...]
        guard let at = rest.prefix(while: { $0 != "/" }).lastIndex(of: "@") else { return address }
        return String(address[..<scheme.upperBound] + rest[rest.index(after: at)...])
    }
}
