internal import HTTPTypes
internal import Hummingbird
internal import TokenReel

/// One thing that clients can ask for.
///
/// This table is all there is: the router is made from it, and so is the API's description.
struct Endpoint: Sendable {
    let method: HTTPRequest.Method
    /// Segments in braces are captured.
    let path: String
    let summary: String
    /// Whether it answers without a key.
    var isOpen = false
    /// Whether it takes an upload and the parameters of a reduction.
    var takesUpload = false
    /// What comes back when all goes well.
    let success: Answer
    /// Statuses of problems, besides those that every endpoint can have.
    var problems: [HTTPResponse.Status] = []
    let handler: @Sendable (TokenService, Request, ServiceContext) async throws -> Response

    struct Answer: Sendable {
        let status: HTTPResponse.Status
        let mediaTypes: [String]
        let summary: String
    }

    static let all: [Endpoint] = [
        Endpoint(
            method: .get, path: "/", summary: "A page to drop a video on.",
            success: Answer(status: .ok, mediaTypes: ["text/html"], summary: "The page.")
        ) { service, _, _ in service.page() },
        Endpoint(
            method: .get, path: "/healthz", summary: "Whether the service lives.", isOpen: true,
            success: Answer(status: .ok, mediaTypes: ["application/json"], summary: "It does.")
        ) { service, _, _ in .json(.members(["status": .string("ok")])) },
        Endpoint(
            method: .get, path: "/readyz", summary: "Whether the service takes work.", isOpen: true,
            success: Answer(status: .ok, mediaTypes: ["application/json"], summary: "It does."),
            problems: [.serviceUnavailable]
        ) { service, _, _ in try service.readiness() },
        Endpoint(
            method: .get, path: "/metrics", summary: "Figures in Prometheus' text format.",
            success: Answer(status: .ok, mediaTypes: ["text/plain"], summary: "The figures.")
        ) { service, _, _ in service.figures() },
        Endpoint(
            method: .get, path: "/openapi.json", summary: "This description.",
            success: Answer(status: .ok, mediaTypes: ["application/json"], summary: "An OpenAPI 3.1 document.")
        ) { service, _, _ in .json(OpenAPI.document(service.configuration)) },
        Endpoint(
            method: .get, path: "/v1/methods", summary: "The methods, their papers and parameters.",
            success: Answer(status: .ok, mediaTypes: ["application/json"], summary: "As tokenreel methods --json.")
        ) { service, _, _ in service.methods() },
        Endpoint(
            method: .post, path: "/v1/reduce", summary: "Reduce a video or a token grid, and wait for the tokens.",
            takesUpload: true,
            success: Answer(
                status: .ok, mediaTypes: ResultFormat.allCases.map(\.rawValue),
                summary: "The tokens as a safetensors file, as JSON lines, or as a page that shows what was kept.")
        ) { service, request, context in try await service.reduce(request, context) },
        Endpoint(
            method: .post, path: "/v1/jobs", summary: "Reduce a video or a token grid while you are away.",
            takesUpload: true,
            success: Answer(status: .accepted, mediaTypes: ["application/json"], summary: "The job.")
        ) { service, request, context in try await service.createJob(request, context) },
        Endpoint(
            method: .get, path: "/v1/jobs/{id}", summary: "How far a job has come.",
            success: Answer(status: .ok, mediaTypes: ["application/json"], summary: "The job."), problems: [.notFound]
        ) { service, _, context in try service.showJob(context) },
        Endpoint(
            method: .get, path: "/v1/jobs/{id}/result", summary: "The tokens of a job that is done.",
            success: Answer(
                status: .ok, mediaTypes: ResultFormat.allCases.map(\.rawValue), summary: "As /v1/reduce answers."),
            problems: [
                .badRequest, .notFound, .notAcceptable, .requestTimeout, .conflict, .contentTooLarge,
                .unsupportedMediaType, .unprocessableContent, .tooManyRequests,
                .serviceUnavailable,
            ]
        ) { service, request, context in try await service.sendResult(request, context) },
        Endpoint(
            method: .get, path: "/v1/jobs/{id}/events", summary: "What happens to a job, as it happens.",
            success: Answer(
                status: .ok, mediaTypes: ["text/event-stream"],
                summary: "Server-sent events named after the job's state, the last one done, failed or cancelled."),
            problems: [.notFound]
        ) { service, _, context in try service.sendEvents(context) },
        Endpoint(
            method: .delete, path: "/v1/jobs/{id}", summary: "Cancel a job and forget it.",
            success: Answer(status: .noContent, mediaTypes: [], summary: "It is forgotten."), problems: [.notFound]
        ) { service, _, context in try service.deleteJob(context) },
    ]

    /// Statuses of problems that an upload can have.
    static let uploadProblems: [HTTPResponse.Status] = [
        .badRequest, .notAcceptable, .requestTimeout, .conflict, .contentTooLarge, .unsupportedMediaType,
        .unprocessableContent, .tooManyRequests, .serviceUnavailable,
    ]

    /// Whether a path answers without a key.
    static func isOpen(_ path: String) -> Bool { all.contains { $0.isOpen && $0.path == path } }

    /// The endpoints of a path, whatever the method.
    static func at(_ path: String) -> [Endpoint] { all.filter { $0.matches(path) } }

    private func matches(_ path: String) -> Bool {
        let (own, other) = (self.path.split(separator: "/"), path.split(separator: "/"))
        return own.count == other.count && zip(own, other).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }

    /// The path in the router's words.
    var routerPath: RouterPath { RouterPath(path) }
}

extension Response {
    /// A JSON document.
    static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok, _ fields: HTTPFields = [:]) -> Response {
        text(value.text, "application/json", status: status, fields)
    }

    /// A text of some media type.
    static func text(
        _ text: String, _ mediaType: String, status: HTTPResponse.Status = .ok, _ fields: HTTPFields = [:]
    ) -> Response {
        var fields = fields
        fields[.contentType] = mediaType
        return Response(status: status, headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
