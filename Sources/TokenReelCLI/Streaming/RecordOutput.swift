internal import Synchronization
internal import TokenCore
internal import TokenReel

/// Lines of JSON from several threads, each whole.
final class RecordOutput: Sendable {
    private let descriptor: Int32
    /// Held while a line is written, which takes as long as the reader likes.
    private let turn = Mutex(())
    private let failed = Mutex<TokenReelError?>(nil)

    init(descriptor: Int32) { self.descriptor = descriptor }

    /// Writes a line of a type, about one stream or all; once one could not be written, none is.
    func write(_ type: String, of stream: String? = nil, _ members: JSONValue) {
        let start = JSONValue.members(["type": .string(type), "stream": stream.map(JSONValue.string)])
        let record = start.joined(with: .object(members.members.filter { $0.key != "type" }))
        let line = Array((record.text + "\n").utf8)
        turn.withLock { _ in
            guard failure == nil else { return }
            do throws(TokenReelError) {
                try Descriptor.write(line, to: descriptor, subject: "output")
            } catch {
                failed.withLock { $0 = error }
            }
        }
    }

    /// Why no line can be written any more, such as that nobody reads; known at once, whatever is being written.
    var failure: TokenReelError? { failed.withLock { $0 } }
}
