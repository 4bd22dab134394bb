internal import Safetensors
internal import Synchronization
public import TokenCore
internal import VideoDecoding

/// An input that is ready to be read, from the start and more than once.
///
/// A pipe is first copied to a temporary file: containers whose index is at the end become readable, and the digest is
/// that of the same bytes in a file.
public final class OpenInput: Sendable {
    /// What was opened.
    public let source: InputSource
    /// The name to write into files.
    public let name: String

    enum Content: Sendable {
        case video(VideoSource)
        case grid(TokenGridFile)
    }
    let content: Content
    private let spool: TemporaryFile?
    private let knownDigest: Mutex<String?>

    /// Opens an input.
    ///
    /// - Parameter name: A name to write into files instead of the input's own.
    /// - Throws: ``TokenReelError/Code/unreadableInput`` and others of ``TokenGridFile``;
    ///   ``TokenReelError/Code/limitExceeded`` for a pipe that delivers more than `limits.inputBytes` or nothing for
    ///   `limits.stallSeconds`; ``TokenReelError/Code/cancelled``.
    public init(
        _ source: InputSource, name: String? = nil, limits: Limits = Limits(), cancellation: Cancellation? = nil
    ) throws(TokenReelError) {
        self.source = source
        self.name = name ?? source.name
        var digest: String?
        var spool: TemporaryFile?
        switch source {
        case .url(let address): content = .video(.url(address))
        case .file(let path): content = try Self.content(at: path, called: path, limits)
        case .standardInput:
            let copy = try StandardInput.copy(limits: limits, cancellation: cancellation)
            content = try Self.content(at: copy.path, called: "standard input", limits)
            digest = copy.digest
            spool = copy.file
        }
        self.spool = spool
        knownDigest = Mutex(digest)
    }

    /// Whether the input is a token grid, not video.
    public var isGrid: Bool { if case .grid = content { true } else { false } }

    /// The SHA-256 of the input's bytes in hexadecimal, computed once; nil for an address.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput``, ``TokenReelError/Code/cancelled``.
    public func digest(cancellation: Cancellation? = nil) throws(TokenReelError) -> String? {
        guard case .file(let path) = source else { return knownDigest.withLock { $0 } }
        if let known = knownDigest.withLock({ $0 }) { return known }
        let digest = try FileReader(path: path).digest(cancellation: cancellation)
        knownDigest.withLock { $0 = digest }
        return digest
    }

    /// Whether a file is one that this package wrote: reduced tokens or a token grid.
    public static func isTokenFile(_ path: String) -> Bool {
        guard let file = try? SafetensorsFile(path: path) else { return false }
        return [TokenSequence.fileFormat, TokenGridFile.fileFormat].contains(file.metadata["format"])
    }

    private static func content(at path: String, called name: String, _ limits: Limits) throws(TokenReelError)
        -> Content
    {
        try FileReader.checkReadable(path)
        // A name that promises a grid deserves a grid's error messages.
        guard name.hasSuffix(".safetensors") || FileReader.looksLikeSafetensors(path) else {
            return .video(.file(path))
        }
        do {
            return .grid(try TokenGridFile(path: path, limits: limits))
        } catch {
            throw error.subject == path ? error.about(name) : error
        }
    }
}
