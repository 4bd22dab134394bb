import Foundation
import TestSupport

/// Uploads that try to make the service read, connect, spend or break what it must not.
struct HostileUploads {
    let uploads: [(name: String, bytes: Data)]
    private let canaryFile: URL
    private let made: Date?
    private let canarySocket: Int32
    private let scratch: ScratchFolder

    init() throws {
        scratch = try ScratchFolder()
        // A clip that would decode without complaint if anything opened it.
        canaryFile = scratch.url.appending(path: "canary.ts")
        let sound = try ffmpeg("canary.ts", "testsrc=d=1:s=64x48:r=10")
        try sound.write(to: canaryFile)
        made = lastRead(of: canaryFile)
        canarySocket = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let canarySocket = canarySocket
        withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(canarySocket, $0, length)
                listen(canarySocket, 64)
                getsockname(canarySocket, $0, &length)
            }
        }
        let url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))/a.ts"
        var uploads: [(String, Data)] = []
        for target in [canaryFile.path, "file://\(canaryFile.path)", url, "concat:\(canaryFile.path)"] {
            let list = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\n\(target)\n#EXT-X-ENDLIST\n"
            uploads.append(("playlist", Data(list.utf8)))
            uploads.append(("script", Data("ffconcat version 1.0\nfile '\(target)'\n".utf8)))
            uploads.append(("manifest", Data("<?xml version=\"1.0\"?><MPD><BaseURL>\(target)</BaseURL></MPD>".utf8)))
        }
        uploads.append(("session", Data("v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n".utf8)))
        uploads.append(("nothing", Data()))
        uploads.append(("text", Data("This is not a video.\n".utf8)))
        uploads.append(("noise", Data((0..<9000).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) })))
        uploads.append(
            (
                "pixel bomb",
                try ffmpeg("b.mkv", "color=gray:s=8192x8192:r=1,format=gray", "-frames:v", "1", "-c:v", "png")
            ))
        uploads.append(("sound", try ffmpeg("s.mp4", "sine=d=1", "-c:a", "aac")))
        uploads.append(("grid without end", Data([255, 255, 255, 255, 255, 255, 255, 127]) + Data("{\"a\":".utf8)))
        for header in [
            "{\"tokens\":{\"dtype\":\"F32\",\"shape\":[1000000,1000,1000,1000],\"data_offsets\":[0,16]}}",
            "{\"tokens\":{\"dtype\":\"F32\",\"shape\":[1,2,2,1],\"data_offsets\":[0,9999999]}}",
            "{\"tokens\":{\"dtype\":\"F32\",\"shape\":[1,2,2,1],\"data_offsets\":[-4,12]}}",
            "{\"tokens\":[[[[[[[[[[", "{\"tokens\":{\"dtype\":\"F64\",\"shape\":[0,0,0,0],\"data_offsets\":[0,0]}}",
        ] {
            let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
            uploads.append(("grid", length + Data(header.utf8) + Data(repeating: 0x7f, count: 16)))
        }
        // Damage in the headers and in the pictures, the same on every run.
        for seed in 1...6 {
            var bytes = RunningService.clipBytes
            for step in 1...40 {
                bytes[seed * step * 7919 % (step < 20 ? 2000 : bytes.count)] = UInt8(truncatingIfNeeded: seed * step)
            }
            uploads.append(("damage \(seed)", bytes))
            uploads.append(("part \(seed)", RunningService.clipBytes.prefix(RunningService.clipBytes.count * seed / 8)))
        }
        self.uploads = uploads
    }

    /// Whether the canary file was read since it was made; nil where the system does not tell.
    func fileWasTouched() -> Bool? {
        let seen = lastRead(of: canaryFile) != made
        _ = try? Data(contentsOf: canaryFile)
        return lastRead(of: canaryFile) == made ? nil : seen
    }

    /// Whether anything connected to the canary socket.
    func socketWasTouched() -> Bool {
        let connection = accept(canarySocket, nil, nil)
        if connection >= 0 { close(connection) }
        return connection >= 0
    }
}

/// When the system says a file was last read.
private func lastRead(of file: URL) -> Date? {
    // An address remembers what it was told before.
    try? URL(filePath: file.path).resourceValues(forKeys: [.contentAccessDateKey]).contentAccessDate
}
