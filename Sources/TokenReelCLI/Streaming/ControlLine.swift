internal import TokenCore

/// What a line of the control file asks for.
///
/// A line is a JSON object with one of the members `add`, `remove`, `snapshot`, `status`, `reopen` and `finish`, and
/// perhaps `stream`, the name of the one stream that is meant.
struct ControlLine: Equatable {
    enum Action: Equatable {
        case add(name: String, QuerySource)
        case remove(name: String)
        /// Writes the memory to a file, or to the usual one.
        case snapshot(path: String?)
        case status
        case reopen
        case finish
    }

    let action: Action
    /// The stream that is meant; nil for all.
    let stream: String?

    private static let forms = """
        {"add": {"name": …, "text"|"image"|"embedding": …}}, {"remove": name}, {"snapshot": path or true}, \
        {"status": true}, {"reopen": true}, {"finish": true}, each perhaps with "stream": name
        """

    /// Reads a line.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` that shows the forms a line can have.
    init(_ line: String) throws(TokenReelError) {
        func invalid(_ found: String) -> TokenReelError {
            TokenReelError(.invalidArgument, subject: "control line", found: found, allowed: Self.forms)
        }
        let tree: JSONTree
        do throws(TokenReelError) {
            tree = try JSONTree(parsing: Array(line.utf8), file: "control line")
        } catch {
            throw invalid(error.found)
        }
        guard case .object(let members) = tree else { throw invalid(tree.summary) }
        stream = members.first { $0.key == "stream" }?.value.string
        let asked = members.filter { $0.key != "stream" }
        guard asked.count == 1, let (key, value) = asked.first, stream != nil || members.count == 1 else {
            throw invalid(tree.summary)
        }
        switch (key, value) {
        case ("add", let query):
            guard let name = query["name"]?.string, !name.isEmpty, let source = QuerySource(query) else {
                throw invalid("\(key): \(query.summary)")
            }
            action = .add(name: name, source)
        case ("remove", .string(let name)): action = .remove(name: name)
        case ("snapshot", .string(let path)) where !path.isEmpty: action = .snapshot(path: path)
        case ("snapshot", .boolean(true)): action = .snapshot(path: nil)
        case ("status", .boolean(true)): action = .status
        case ("reopen", .boolean(true)): action = .reopen
        case ("finish", .boolean(true)): action = .finish
        default: throw invalid("\(key): \(value.summary)")
        }
    }
}

extension QuerySource {
    /// Reads the one of its members that says where a query comes from; nil if there is none or more than one.
    fileprivate init?(_ query: JSONTree) {
        let (text, image, embedding) = (query["text"]?.string, query["image"]?.string, query["embedding"]?.string)
        switch (text, image, embedding) {
        case (let text?, nil, nil): self = .text(text)
        case (nil, let image?, nil): self = .image(image)
        case (nil, nil, let embedding?): self = .embedding(embedding)
        default: return nil
        }
    }
}
