internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import TokenCore

/// Turns whatever goes wrong into a problem, gives every answer the request's name, and notes it in log and metrics.
struct RequestRecord: RouterMiddleware {
    let metrics: Metrics

    func handle(
        _ request: Request, context: ServiceContext, next: (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        var response: Response
        var code: String?
        do {
            response = try await next(request, context)
        } catch {
            let problem = Self.problem(error, request, context.logger)
            code = problem.code
            response = problem.response(request: context.id)
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        response.headers[.requestID] = context.id
        response.headers[.contentTypeOptions] = "nosniff"
        let endpoints = Endpoint.at(request.uri.path)
        // The end of a connection on which an upload came is how its client's leaving shows, so it is not used again.
        if endpoints.contains(where: \.takesUpload) { response.headers[.connection] = "close" }
        let route = endpoints.first?.path ?? "unknown"
        metrics.answered(request.method.rawValue, route, response.status.code, seconds: seconds)
        context.logger.info(
            "answered",
            metadata: [
                "method": "\(request.method)", "path": "\(request.uri.path)", "status": "\(response.status.code)",
                "seconds": "\(seconds)", "code": code.map { "\($0)" } ?? "ok",
            ])
        return response
    }

    private static func problem(_ error: any Error, _ request: Request, _ logger: Logger) -> Problem {
        switch error {
        case let problem as Problem: return problem
        case let error as TokenReelError:
            if Problem.status(of: error.code).kind == .serverError {
                logger.error("failed", metadata: ["error": "\(error)"])
            }
            return Problem(error)
        case let error as HTTPError where error.status == .notFound:
            let methods = Endpoint.at(request.uri.path).map(\.method.rawValue)
            guard !methods.isEmpty else { return Problem(.notFound, "not-found", "There is nothing here.") }
            return Problem(
                .methodNotAllowed, "method-not-allowed", "This can't be done here.",
                allowed: methods.joined(separator: ", "), fields: [.allow: methods.joined(separator: ", ")])
        case is CancellationError:
            // Nobody is there to read it.
            return Problem(.conflict, "cancelled", "The client went away.")
        default:
            logger.error("failed", metadata: ["error": "\(error)"])
            return Problem(.internalServerError, "internal", "Something went wrong in the service.")
        }
    }
}

extension HTTPField.Name {
    static let requestID = HTTPField.Name("X-Request-ID") ?? .via
    static let contentTypeOptions = HTTPField.Name("X-Content-Type-Options") ?? .via
}
