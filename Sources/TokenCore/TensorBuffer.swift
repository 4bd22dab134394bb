internal import CLibrary

/// Read-only numbers shared between stages without copying, on the heap or in a mapped file.
public final class TensorBuffer<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    // @unchecked Sendable holds because nothing writes through `base` after init returns: the only mutable access is
    // the initialiser's closure, which runs before any other thread can hold the reference.
    private let base: UnsafeMutableBufferPointer<Element>
    private let release: () -> Void

    /// Allocates `count` elements and lets `fill` write them all; what it leaves out is undefined.
    public init<Failure: Error>(
        count: Int, fill: (UnsafeMutableBufferPointer<Element>) throws(Failure) -> Void
    ) throws(Failure) {
        let storage = UnsafeMutableRawBufferPointer.allocate(
            byteCount: count * MemoryLayout<Element>.stride, alignment: Self.alignment(for: count))
        Self.adviseHugePages(storage)
        let elements = storage.bindMemory(to: Element.self)
        do {
            try fill(elements)
        } catch {
            storage.deallocate()
            throw error
        }
        base = elements
        release = { storage.deallocate() }
    }

    private static var hugePage: Int { 2 << 20 }

    private static func alignment(for count: Int) -> Int {
        count * MemoryLayout<Element>.stride >= hugePage ? hugePage : max(MemoryLayout<Element>.alignment, 64)
    }

    /// Touching a fresh buffer of small pages costs more than writing it, so large ones ask for large pages.
    private static func adviseHugePages(_ storage: UnsafeMutableRawBufferPointer) {
        #if os(Linux)
            if storage.count >= hugePage { madvise(storage.baseAddress, storage.count, MADV_HUGEPAGE) }
        #endif
    }

    /// Copies an array.
    public convenience init(_ elements: [Element]) {
        self.init(count: elements.count) { storage in
            _ = storage.update(fromContentsOf: elements)
        }
    }

    /// Adopts memory that stays valid and unchanged until `release` is called, once, at the end.
    public init(adopting memory: UnsafeMutableBufferPointer<Element>, release: @escaping () -> Void) {
        base = memory
        self.release = release
    }

    deinit { release() }

    /// Number of elements.
    public var count: Int { base.count }

    /// Some of the elements, shared instead of copied.
    public func sharing(_ range: Range<Int>) -> TensorBuffer {
        TensorBuffer(adopting: UnsafeMutableBufferPointer(rebasing: base[range])) { withExtendedLifetime(self) {} }
    }

    /// The element at `index`.
    public subscript(index: Int) -> Element { base[index] }

    /// Calls `body` with the elements; the pointer must not escape.
    public func withUnsafeBufferPointer<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeBufferPointer(base))
    }

    /// The elements where they lie, as long as this object lives.
    package var memory: UnsafeBufferPointer<Element> { UnsafeBufferPointer(base) }

    /// A copy as an array.
    public var array: [Element] { Array(base) }
}
