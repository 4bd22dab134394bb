internal import VideoDecoding

/// What a user names as input.
public enum InputSource: Sendable, Hashable {
    /// A file by its path: a video, or a token grid in a safetensors file.
    case file(String)
    /// Standard input: the bytes of such a file.
    case standardInput
    /// A video at an address.
    case url(String)

    /// Understands `-`, addresses such as `https://…` and `rtsp://…`, and paths.
    public init(argument: String) {
        let scheme = argument.prefix { $0 != ":" }
        if argument == "-" {
            self = .standardInput
        } else if argument.dropFirst(scheme.count).hasPrefix("://"), scheme.count > 1,
            scheme.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
        {
            self = .url(argument)
        } else {
            self = .file(argument)
        }
    }

    /// How to call the input in few words: the last part of a path, an address without user and password, or `-`.
    public var name: String {
        switch self {
        case .file(let path): path.split(separator: "/").last.map(String.init) ?? path
        case .standardInput: "-"
        case .url(let address): NamedInput.withoutCredentials(address)
        }
    }

    /// Whether this is an address.
    public var isAddress: Bool { if case .url = self { true } else { false } }
}
