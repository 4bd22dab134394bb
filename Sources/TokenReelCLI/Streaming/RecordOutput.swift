internal import Synchronization
internal import TokenCore
internal import TokenReel

/// Lines of JSON from several threads, each whole.
final class RecordOutput: Sendable {
    private let descriptor: Int32
    private let failed = Mutex<TokenReelError?>(nil)

    init(descriptor: Int32) { self.descriptor = descriptor }

    /// Writes a line of a type, about one stream or all; once one could not be written, none is.
    func write(_ type: String, of stream: String? = nil, _ members: JSONValue) {
        let start = JSONValue.members(["type": .string(type), "stream": stream.map(JSONValue.string)])
        let record = JSONValue.object(
            ReduceJSON.object(start) + ReduceJSON.object(members).filter { $0.key != "type" })
        let line = Array((record.text + "\n").utf8)
        failed.withLock { failed in
            guard failed == nil else { return }
            do throws(TokenReelError) {
                try Descriptor.write(line, to: descriptor, subject: "output")
            } catch {
                failed = error
            }
        }
    }

    /// Why no line can be written any more, such as that nobody reads.
    var failure: TokenReelError? { failed.withLock { $0 } }
}
