/// A page that needs nothing beside itself: a template with the shared style, a title and perhaps data put in their
/// places.
package struct HTMLPage {
    /// The page.
    package let text: String

    /// - Parameters:
    ///   - template: Holds `{{title}}` and `{{style}}` once each, and `{{data}}` where there are data.
    ///   - data: What the template's script draws; it reads it from the element `data`.
    package init(template: [UInt8], title: String, data: JSONValue? = nil) {
        let parts = [
            "title": Self.escaped(title), "style": Self.string(PackageResources.page_css),
            "data": data.map(Self.embedded) ?? "",
        ]
        var text = ""
        var rest = Substring(Self.string(template))
        // One pass, so that braces in what was put in mean nothing.
        while let open = rest.firstRange(of: "{{"), let close = rest[open.upperBound...].firstRange(of: "}}") {
            text += rest[..<open.lowerBound]
            text += parts[String(rest[open.upperBound..<close.lowerBound])] ?? ""
            rest = rest[close.upperBound...]
        }
        self.text = text + rest
    }

    /// JSON that can't end the element it stands in.
    private static func embedded(_ data: JSONValue) -> String {
        data.text.replacing("<", with: "\\u003c")
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }

    private static func string(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
