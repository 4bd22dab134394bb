internal import HTTPTypes
internal import Hummingbird
internal import TokenReel

/// The description of the API (OpenAPI 3.1), made from the tables that the service works with.
enum OpenAPI {
    static func document(_ configuration: ServiceConfiguration) -> JSONValue {
        var paths: [JSONValue.Member] = []
        for path in Endpoint.all.map(\.path) where !paths.contains(where: { $0.key == path }) {
            let operations = Endpoint.all.filter { $0.path == path }.map { endpoint in
                JSONValue.Member(
                    key: endpoint.method.rawValue.lowercased(), value: operation(endpoint, configuration))
            }
            paths.append(.init(key: path, value: .object(operations)))
        }
        return .members([
            "openapi": .string("3.1.0"),
            "info": .members([
                "title": .string("TokenReel"), "version": .string(ProductVersion.current),
                "summary": .string("Video to the few visual tokens a Video-LLM needs."),
                "license": .members(["name": .string("see the project")]),
            ]),
            "servers": .array([.members(["url": .string("/")])]),
            "paths": .object(paths),
            "components": .members([
                "schemas": .members(["Problem": problem, "Job": job]),
                "securitySchemes": .members([
                    "bearer": .members(["type": .string("http"), "scheme": .string("bearer")]),
                    "basic": .members(["type": .string("http"), "scheme": .string("basic")]),
                ]),
            ]),
        ])
    }

    private static func operation(_ endpoint: Endpoint, _ configuration: ServiceConfiguration) -> JSONValue {
        var parameters: [JSONValue] = endpoint.path.contains("{id}") ? [jobParameter] : []
        if endpoint.takesUpload { parameters += ReduceParameter.all(configuration).map(parameter) }
        let statuses =
            endpoint.problems + (endpoint.takesUpload ? Endpoint.uploadProblems : [])
            + (endpoint.isOpen || configuration.keys == nil ? [] : [.unauthorized])
            + (endpoint.method == .get ? [] : [.forbidden]) + [.internalServerError]
        let problems = statuses.sorted { $0.code < $1.code }.map { status in
            JSONValue.Member(key: "\(status.code)", value: answer(status.reasonPhrase, [Problem.mediaType], "Problem"))
        }
        let success = endpoint.success
        let secured = !endpoint.isOpen && configuration.keys != nil
        return .members([
            "operationId": .string(identifier(endpoint)), "summary": .string(endpoint.summary),
            "parameters": parameters.isEmpty ? nil : .array(parameters),
            "requestBody": endpoint.takesUpload ? upload : nil,
            "responses": .object(
                [
                    .init(
                        key: "\(success.status.code)",
                        value: answer(
                            success.summary, success.mediaTypes,
                            endpoint.path.hasPrefix("/v1/jobs") && success.mediaTypes == ["application/json"]
                                ? "Job" : nil))
                ] + problems),
            "security": secured ? .array(["bearer", "basic"].map { .members([$0: .array([])]) }) : nil,
        ])
    }

    /// A name such as `post-v1-jobs`.
    private static func identifier(_ endpoint: Endpoint) -> String {
        let words = endpoint.path.split(separator: "/").map { $0.filter { $0.isLetter || $0.isNumber } }
        return ([endpoint.method.rawValue.lowercased()] + (words.isEmpty ? ["page"] : words)).joined(separator: "-")
    }

    private static func parameter(_ parameter: ReduceParameter) -> JSONValue {
        .members([
            "name": .string(parameter.name), "in": .string("query"), "description": .string(parameter.summary),
            "schema": parameter.isRepeatable
                ? .members(["type": .string("array"), "items": parameter.schema]) : parameter.schema,
        ])
    }

    private static let jobParameter = JSONValue.members([
        "name": .string("id"), "in": .string("path"), "required": .boolean(true),
        "description": .string("What POST /v1/jobs called the job."),
        "schema": .members(["type": .string("string")]),
    ])

    private static let upload = JSONValue.members([
        "required": .boolean(true), "description": .string("A video, or a token grid in a safetensors file."),
        "content": .members([
            "application/octet-stream": .members([
                "schema": .members(["type": .string("string"), "format": .string("binary")])
            ])
        ]),
    ])

    private static func answer(_ summary: String, _ mediaTypes: [String], _ schema: String?) -> JSONValue {
        let content = schema.map { JSONValue.members(["$ref": .string("#/components/schemas/\($0)")]) }
        return .members([
            "description": .string(summary),
            "content": mediaTypes.isEmpty
                ? nil
                : .object(
                    mediaTypes.map { .init(key: $0, value: .members(["schema": content ?? .object([])])) }),
        ])
    }

    private static let problem = object(
        required: ["type", "title", "status", "code", "detail"],
        [
            ("type", "string"), ("title", "string"), ("status", "integer"), ("code", "string"), ("detail", "string"),
            ("allowed", "string"), ("remedy", "string"), ("request", "string"),
        ])

    private static let job = object(
        required: ["id", "state"],
        [
            ("id", "string"), ("state", "string"), ("stage", "string"), ("frames", "integer"),
            ("expected_frames", "integer"), ("result", "string"), ("report", "object"), ("problem", "object"),
        ])

    private static func object(required: [String], _ properties: [(String, String)]) -> JSONValue {
        .members([
            "type": .string("object"), "required": .array(required.map(JSONValue.string)),
            "properties": .object(
                properties.map { .init(key: $0, value: .members(["type": .string($1)])) }),
        ])
    }
}
