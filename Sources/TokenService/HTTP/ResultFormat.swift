/// How the tokens of a request are sent.
enum ResultFormat: String, CaseIterable, Sendable {
    /// The file that the command writes.
    case safetensors = "application/octet-stream"
    /// A line for the whole, one for each token, one for the report.
    case lines = "application/x-ndjson"
    /// The page that shows what was kept.
    case page = "text/html"

    /// The format that a client likes best (RFC 9110, section 12.5.1); nil if it takes none of them.
    ///
    /// Formats it likes equally rank as they are listed here.
    init?(accept: String?) {
        guard let accept, !accept.isEmpty else {
            self = .safetensors
            return
        }
        let ranges = accept.split(separator: ",").map { range in
            let parts = range.split(separator: ";").map { $0.filter { !$0.isWhitespace }.lowercased() }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            return (type: parts.first ?? "", weight: weight)
        }
        var best: (format: ResultFormat, weight: Double)?
        for format in Self.allCases {
            let kind = format.rawValue.prefix { $0 != "/" }
            // The most specific range that fits counts.
            let weight =
                [format.rawValue, "\(kind)/*", "*/*"].lazy
                .compactMap { name in ranges.first { $0.type == name }?.weight }.first ?? 0
            if weight > best?.weight ?? 0 { best = (format, weight) }
        }
        guard let best else { return nil }
        self = best.format
    }
}
