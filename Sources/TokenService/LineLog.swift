internal import CLibrary
internal import Essentials
public import Logging
internal import TokenReel

/// Writes a line to standard error for each event: time, level, what happened, then `name=value` pairs.
///
/// Names and values may come from strangers; control characters become escapes, so that one event is one line.
public struct LineLog: LogHandler {
    /// Pairs that every line carries.
    public var metadata: Logger.Metadata = [:]
    /// What is not of at least this level is dropped.
    public var logLevel: Logger.Level

    /// Keeps events of at least this level.
    public init(level: Logger.Level) { logLevel = level }

    /// One of the pairs that every line carries.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes a line.
    public func log(event: LogEvent) {
        let pairs = metadata.merging(event.metadata ?? [:]) { _, new in new }
        var line = "\(Date().ISO8601Format()) \(event.level) \("\(event.message)".printable)"
        for (name, value) in pairs.sorted(by: { $0.key < $1.key }) {
            line += " \(name == "hb.request.id" ? "request" : name)=\(Self.quoted("\(value)".printable))"
        }
        // Nobody can be told that standard error is closed. One call, so that lines stay whole.
        _ = (line + "\n").withCString { write(STDERR_FILENO, $0, strlen($0)) }
    }

    private static func quoted(_ text: String) -> String {
        guard text.isEmpty || text.contains(where: { " \"=\\".contains($0) }) else { return text }
        return "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }
}
