internal import CLibrary
package import TokenCore

/// Collects the tokens of frame after frame, in memory while they are few and in a temporary file once they are many.
///
/// The number of frames need not be known. A spooled grid is mapped when it is finished, so that the system can drop
/// its pages from memory and read them again.
package struct GridStorage: ~Copyable {
    private let limit: Int
    private let threshold: Int
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0
    private var spool: TemporaryFile?
    package private(set) var byteCount = 0

    /// Bytes above which tokens go to a file.
    package static let spoolingThreshold = 512 << 20

    /// Starts an empty store that refuses to grow beyond `limits.gridBytes`.
    package init(limits: Limits, threshold: Int = GridStorage.spoolingThreshold) {
        limit = limits.gridBytes
        self.threshold = threshold
    }

    deinit { free(memory) }

    /// Appends the tokens of a frame.
    ///
    /// - Throws: ``TokenReelError/Code/limitExceeded`` before the limit is passed, ``TokenReelError/Code/inputOutput``
    ///   if the temporary file can't grow.
    package mutating func append(_ tokens: UnsafeBufferPointer<Float>) throws(TokenReelError) {
        let bytes = UnsafeRawBufferPointer(tokens)
        let needed = byteCount + bytes.count
        guard needed <= limit else {
            var limits = Limits()
            limits.gridBytes = limit
            throw Self.tooLarge(needed, limits)
        }
        if spool == nil, needed > threshold { try startSpooling() }
        if let spool {
            try spool.write(bytes)
        } else {
            try reserve(needed)
            if let memory, let source = bytes.baseAddress {
                (memory + byteCount).copyMemory(from: source, byteCount: bytes.count)
            }
        }
        byteCount = needed
    }

    /// The tokens of all frames.
    package consuming func finish() throws(TokenReelError) -> TensorBuffer<Float> {
        let count = byteCount / MemoryLayout<Float>.stride
        guard count > 0 else { return TensorBuffer([]) }
        if let spool {
            let byteCount = byteCount
            guard let base = mmap(nil, byteCount, PROT_READ, MAP_SHARED, spool.descriptor, 0), base != MAP_FAILED else {
                throw TokenReelError(.inputOutput, subject: "temporary file", found: String(cString: strerror(errno)))
            }
            return TensorBuffer(adopting: Self.numbers(base, count)) { munmap(base, byteCount) }
        }
        guard let base = memory else { return TensorBuffer([]) }
        memory = nil
        return TensorBuffer(adopting: Self.numbers(base, count)) { free(base) }
    }

    private static func numbers(_ base: UnsafeMutableRawPointer, _ count: Int) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: base.bindMemory(to: Float.self, capacity: count), count: count)
    }

    private mutating func reserve(_ needed: Int) throws(TokenReelError) {
        guard needed > capacity else { return }
        // Pages that were never written take no memory, and the system moves large blocks without copying.
        let grown = max(needed, min(2 * capacity, threshold), 1 << 20)
        guard let moved = realloc(memory, grown) else {
            throw TokenReelError(
                .limitExceeded, subject: "token grid", found: "no memory for \(grown) bytes",
                remedy: "sample fewer frames with --fps or --frames")
        }
        memory = moved
        capacity = grown
    }

    private mutating func startSpooling() throws(TokenReelError) {
        let file = try TemporaryFile()
        try file.write(UnsafeRawBufferPointer(start: memory, count: byteCount))
        free(memory)
        memory = nil
        spool = file
    }

    static func tooLarge(_ bytes: Int, _ limits: Limits) -> TokenReelError {
        TokenReelError(
            .limitExceeded, subject: "token grid", found: "\(bytes) bytes of tokens or more",
            allowed: "\(limits.gridBytes)",
            remedy: "sample fewer frames with --fps or --frames, or raise it with --max-grid-bytes")
    }
}
