internal import HTTPTypes
internal import Hummingbird
internal import TokenCore
internal import TokenReel

/// What a client is told when it does not get what it asked for: `application/problem+json` (RFC 9457).
///
/// It names no path of this machine; what an operator needs to know goes to the log under the same request.
struct Problem: Error, Sendable {
    let status: HTTPResponse.Status
    /// The stable name, such as `limit-exceeded`.
    let code: String
    let detail: String
    var allowed: String?
    var remedy: String?
    /// Fields of the answer's head besides the usual ones.
    var fields: HTTPFields = [:]

    static let mediaType = "application/problem+json"

    init(
        _ status: HTTPResponse.Status, _ code: String, _ detail: String, allowed: String? = nil, remedy: String? = nil,
        fields: HTTPFields = [:]
    ) {
        self.status = status
        self.code = code
        self.detail = detail
        self.allowed = allowed
        self.remedy = remedy
        self.fields = fields
    }

    /// What a failure of the work is to a client.
    init(_ error: TokenReelError) {
        let isOurs = [.inputOutput, .outputClosed].contains(error.code)
        self.init(
            Self.status(of: error.code), error.code.name,
            isOurs
                ? "The service could not read or write what it needed."
                : Self.withoutPaths("\(error.subject): \(error.found)"),
            allowed: isOurs ? nil : error.allowed.map(Self.withoutPaths),
            // Limits can't be raised from outside, whatever the command would say.
            remedy: isOurs || error.code == .limitExceeded ? nil : error.remedy.map(Self.asParameter))
    }

    /// The status of each kind of failure; what is not listed is the service's own fault.
    static func status(of code: TokenReelError.Code) -> HTTPResponse.Status {
        switch code {
        case .invalidArgument: .badRequest
        case .unreadableInput, .missingSignal: .unprocessableContent
        case .unsupportedInput: .unsupportedMediaType
        case .limitExceeded: .contentTooLarge
        case .cancelled: .conflict
        default: .internalServerError
        }
    }

    func json(request: String?) -> JSONValue {
        .members([
            "type": .string("urn:tokenreel:problem:\(code)"), "title": .string(status.reasonPhrase),
            "status": .integer(status.code), "code": .string(code), "detail": .string(detail.printable),
            "allowed": allowed.map { .string($0.printable) }, "remedy": remedy.map { .string($0.printable) },
            "request": request.map(JSONValue.string),
        ])
    }

    func response(request: String?) -> Response {
        var fields = fields
        fields[.contentType] = Self.mediaType
        return Response(
            status: status, headers: fields,
            body: ResponseBody(byteBuffer: ByteBuffer(string: json(request: request).text)))
    }

    /// Whatever looks like a path from the root is left out.
    private static func withoutPaths(_ text: String) -> String {
        text.replacing(#/(^|[\s"'(=])/[^\s"')]+/#) { "\($0.output.1)…" }
    }

    /// Options of the command are parameters here.
    private static func asParameter(_ text: String) -> String {
        withoutPaths(text).replacing(#/--([a-z])/#) { "\($0.output.1)" }
    }
}
