internal import Essentials
internal import HTTPTypes
internal import Hummingbird

/// Lets those in who hold a key, and everyone to the endpoints that say so.
///
/// A key comes as a bearer token, or as the password of basic authentication, which browsers know how to ask for.
struct Authentication: RouterMiddleware {
    let keys: ServiceKeys?

    func handle(
        _ request: Request, context: ServiceContext, next: (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        try Self.refuseForeignPages(request)
        guard let keys, !Endpoint.isOpen(request.uri.path) else { return try await next(request, context) }
        guard let holder = request.headers[.authorization].flatMap(Self.key).flatMap(keys.place) else {
            throw Problem(
                .unauthorized, "unauthorized", "This needs a key.", allowed: "Authorization: Bearer KEY",
                fields: [.wwwAuthenticate: "Bearer realm=\"tokenreel\", Basic realm=\"tokenreel\""])
        }
        var context = context
        context.holder = holder
        return try await next(request, context)
    }

    /// The key in a header; nil if there is none.
    static func key(_ header: String) -> String? {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        switch parts[0].lowercased() {
        case "bearer": return String(parts[1])
        case "basic":
            guard let bytes = Data(base64Encoded: String(parts[1])) else { return nil }
            let pair = String(decoding: bytes, as: UTF8.self)
            return pair.firstIndex(of: ":").map { String(pair[pair.index(after: $0)...]) }
        default: return nil
        }
    }

    /// A page from elsewhere must not make a visitor's browser use this service.
    private static func refuseForeignPages(_ request: Request) throws {
        guard let origin = request.headers[.origin], let place = origin.firstRange(of: "://"),
            request.method != .get
        else { return }
        guard origin[place.upperBound...] == request.head.authority ?? "" else {
            throw Problem(.forbidden, "foreign-page", "Pages from elsewhere may not use this service.")
        }
    }
}
