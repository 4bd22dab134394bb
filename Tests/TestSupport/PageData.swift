import Foundation

/// What a page written by the package carries, and whether it needs anything else.
public struct PageData {
    /// The object that the page draws.
    public let object: [String: Any]
    /// Whether nothing in the page is fetched from elsewhere.
    public let isSelfContained: Bool

    /// Takes a page apart.
    public init(_ page: String) throws {
        let open = "<script type=\"application/json\" id=\"data\">"
        guard let start = page.range(of: open),
            let end = page.range(of: "</script>", range: start.upperBound..<page.endIndex),
            let object = try JSONSerialization.jsonObject(
                with: Data(page[start.upperBound..<end.lowerBound].utf8)) as? [String: Any]
        else { throw CocoaError(.coderReadCorrupt) }
        self.object = object
        // A name space looks like an address, and is none.
        let rest = String(page[..<start.upperBound] + page[end.lowerBound...])
            .replacing("http://www.w3.org/2000/svg", with: "")
        isSelfContained =
            rest.contains("default-src 'none'") && !rest.contains("{{") && !rest.contains("://")
            && !rest.contains("@import") && !rest.contains("fetch(")
    }
}
