internal import Hummingbird
internal import NIOCore

/// What is known about a request besides itself.
struct ServiceContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Whose key it came with, by its place; nil where there are no keys.
    var holder: Int?
    /// The connection that it came on.
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}
