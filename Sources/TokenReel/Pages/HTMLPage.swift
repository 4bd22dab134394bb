/// A page that shows some data and needs nothing beside itself: one of the templates in this folder with the shared
/// style, a title and the data put in their places.
struct HTMLPage {
    /// The page.
    let text: String

    /// - Parameters:
    ///   - template: Holds `{{title}}`, `{{style}}` and `{{data}}` once each.
    ///   - data: What the template's script draws; it reads it from the element `data`.
    init(template: [UInt8], title: String, data: JSONValue) {
        let parts = [
            "title": Self.escaped(title), "style": Self.string(PackageResources.page_css),
            "data": Self.embedded(data),
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
