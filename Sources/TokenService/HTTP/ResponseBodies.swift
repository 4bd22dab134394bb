internal import CLibrary
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOPosix
internal import TokenCore
internal import TokenReel

extension Rendering {
    /// The answer that sends it, a piece at a time.
    var response: Response {
        switch self {
        case .file(let file):
            Response(
                status: .ok, headers: [.contentType: ResultFormat.safetensors.rawValue],
                body: ResponseBody(contentLength: file.byteCount) { writer in
                    var place = 0
                    while true {
                        let bytes = try await file.bytes(from: place)
                        guard !bytes.isEmpty else { break }
                        place += bytes.count
                        try await writer.write(ByteBuffer(bytes: bytes))
                    }
                    try await writer.finish(nil)
                })
        case .lines(let lines):
            Response(
                status: .ok, headers: [.contentType: ResultFormat.lines.rawValue],
                body: ResponseBody { writer in
                    for line in lines { try await writer.write(ByteBuffer(string: line)) }
                    try await writer.finish(nil)
                })
        case .page(let text):
            .text(
                text, ResultFormat.page.rawValue + "; charset=utf-8",
                [.contentSecurityPolicy: "sandbox allow-scripts"])
        }
    }
}

extension TemporaryFile {
    fileprivate static let pieceSize = 1 << 18

    fileprivate var byteCount: Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    }

    /// The next piece of the file, read where waiting for a disk holds up nobody else.
    fileprivate func bytes(from place: Int) async throws -> [UInt8] {
        try await NIOThreadPool.singleton.runIfActive {
            var count = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: Self.pieceSize) { buffer, filled in
                repeat {
                    count = pread(self.descriptor, buffer.baseAddress, Self.pieceSize, off_t(place))
                } while count < 0 && errno == EINTR
                filled = max(count, 0)
            }
            guard count >= 0 else {
                throw TokenReelError(
                    .inputOutput, subject: "temporary file", found: String(cString: strerror(errno)))
            }
            return bytes
        }
    }
}
