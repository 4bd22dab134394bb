internal import Safetensors
internal import Synchronization
public import TokenCore
package import VideoDecoding

/// An input that is ready to be read, from the start and more than once.
///
/// A pipe is first copied to a temporary file: containers whose index is at the end become readable, and the digest is
/// that of the same bytes in a file.
public final class OpenInput: Sendable {
    /// What was opened.
    public let source: InputSource
    /// The name to write into files: the one it was given, or an address without user and password.
    ///
    /// Files and pipes have none of their own, so that the same bytes give the same result wherever they come from.
    public let name: String?

    enum Content: Sendable {
        case video(any FrameSource)
        case grid(TokenGridFile)
    }
    let content: Content
    private let spool: SpooledInput?
    private let knownDigest: Mutex<String?>

    /// Opens an input.
    ///
    /// - Parameters:
    ///   - source: Where the bytes are.
    ///   - name: A name to write into files.
    ///   - limits: The most that reading a pipe or a grid may cost.
    ///   - cancellation: Ends the wait for a pipe.
    /// - Throws: ``TokenReelError/Code/unreadableInput`` and others of ``TokenGridFile``;
    ///   ``TokenReelError/Code/limitExceeded`` for a pipe that delivers more than `limits.inputBytes` or nothing for
    ///   `limits.stallSeconds`; ``TokenReelError/Code/cancelled``.
    public init(
        _ source: InputSource, name: String? = nil, limits: Limits = Limits(), cancellation: Cancellation? = nil
    ) throws(TokenReelError) {
        self.source = source
        self.name = name ?? (source.isAddress ? source.name : nil)
        switch source {
        case .url: spool = nil
        case .standardInput: spool = try .standardInput(limits: limits, cancellation: cancellation)
        case .file(let path):
            let isPipe = try FileReader.kind(of: path) == .pipe
            spool = isPipe ? try .pipe(path, limits: limits, cancellation: cancellation) : nil
        }
        content = try Self.content(of: source, spool, limits)
        knownDigest = Mutex(spool?.digest)
    }

    /// Opens bytes that someone sent: a token grid, or what `video` decodes.
    ///
    /// - Parameter name: A name to write into files.
    /// - Throws: What ``TokenGridFile`` throws, about `upload`.
    package init(
        upload: SpooledInput, video: any FrameSource, name: String?, limits: Limits
    ) throws(TokenReelError) {
        source = .file("upload")
        self.name = name
        spool = upload
        content =
            FileReader.looksLikeSafetensors(upload.file.path)
            ? try Self.content(of: source, upload, limits) : .video(video)
        knownDigest = Mutex(upload.digest)
    }

    /// Whether the input is a token grid, not video.
    public var isGrid: Bool { if case .grid = content { true } else { false } }

    /// The SHA-256 of the input's bytes in hexadecimal, computed once; nil for an address.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput``, ``TokenReelError/Code/cancelled``.
    public func digest(cancellation: Cancellation? = nil) throws(TokenReelError) -> String? {
        if let known = knownDigest.withLock({ $0 }) { return known }
        guard case .file(let path) = source else { return nil }
        let digest = try FileReader(path: path).digest(cancellation: cancellation)
        knownDigest.withLock { $0 = digest }
        return digest
    }

    /// Whether a file is one that this package wrote: reduced tokens or a token grid.
    public static func isTokenFile(_ path: String) -> Bool {
        guard let file = try? SafetensorsFile(path: path) else { return false }
        return [TokenSequence.fileFormat, TokenGridFile.fileFormat].contains(file.metadata["format"])
    }

    private static func content(
        of source: InputSource, _ spool: SpooledInput?, _ limits: Limits
    ) throws(TokenReelError) -> Content {
        if case .url(let address) = source { return .video(VideoSource.url(address)) }
        let name = displayName(source)
        let path = spool?.file.path ?? name
        // A name that promises a grid deserves a grid's error messages.
        guard name.hasSuffix(".safetensors") || FileReader.looksLikeSafetensors(path) else {
            return .video(VideoSource.file(path))
        }
        do {
            return .grid(try TokenGridFile(path: path, limits: limits))
        } catch {
            throw error.subject == path ? error.about(name) : error
        }
    }

    /// The error with the name that the user gave in place of the one that the reader was given.
    ///
    /// A spooled pipe has a path that says nothing, and an address may hold a password.
    func restated(_ error: TokenReelError) -> TokenReelError {
        guard case .video(let opened) = content, error.subject == opened.name else { return error }
        return error.about(Self.displayName(source))
    }

    private static func displayName(_ source: InputSource) -> String {
        switch source {
        case .standardInput: "standard input"
        case .file(let path): path
        case .url: source.name
        }
    }
}
