internal import Hummingbird

/// What is known about a request besides itself.
struct ServiceContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Whose key it came with, by its place; nil where there are no keys.
    var holder: Int?

    init(source: ApplicationRequestContextSource) { coreContext = .init(source: source) }
}
