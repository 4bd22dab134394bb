internal import VideoDecoding

/// What streams and their folders are called: short, fit for a file name, and all different.
enum StreamNames {
    /// `clip` for `videos/clip.mp4`, `video0` for `/dev/video0`, `camera-8554-stream1` for `rtsp://camera:8554/stream1?x=1`.
    static func names(of sources: [LiveSource]) -> [String] {
        var taken = Set<String>()
        return sources.map { source in
            let plain = name(of: source)
            var name = plain
            var number = 2
            while !taken.insert(name).inserted {
                name = "\(plain)-\(number)"
                number += 1
            }
            return name
        }
    }

    private static func name(of source: LiveSource) -> String {
        switch source.kind {
        case .pipe: return "stdin"
        case .device, .file:
            let last = source.name.split(separator: "/").last ?? "file"
            // A dot at the start hides a file and ends no name.
            let stem = last.dropFirst().lastIndex(of: ".").map { last[..<$0] } ?? last
            return fit(stem)
        case .network:
            let address = source.name.split(separator: "://", maxSplits: 1).last ?? "address"
            return fit(address.prefix { $0 != "?" && $0 != "#" })
        }
    }

    private static func fit(_ text: Substring) -> String {
        let words = text.split { !($0.isLetter || $0.isNumber || "._-".contains($0)) }
        let name = words.joined(separator: "-").drop { $0 == "." }
        return name.isEmpty ? "stream" : String(name)
    }
}
