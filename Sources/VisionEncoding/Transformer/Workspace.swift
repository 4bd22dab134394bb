internal import Synchronization
internal import TensorOps

/// The memory that one run of a transformer needs, allocated once and used by one run at a time.
final class Workspace {
    /// Query rows whose attention is computed at a time: their scores stay in a core's cache.
    ///
    /// Fixed, because the cut decides the order of sums.
    static let queryBlock = 256

    private let memory: UnsafeMutablePointer<Float>
    /// Where inputs of bf16 products are rounded.
    let rounded: UnsafeMutablePointer<UInt32>
    /// Where one head's keys and values are laid out for bf16 products.
    let packedKeys: UnsafeMutablePointer<UInt32>
    let packedValues: UnsafeMutablePointer<UInt32>
    private let width: Int
    private let tokens: Int
    private let innerCount: Int

    /// Room for `tokens` states of `width`, and `tokens` rows of `inner` numbers.
    ///
    /// - Parameter headWidth: Numbers of a head whose attention runs in bf16; 0 for none.
    init(tokens: Int, width: Int, inner: Int, headWidth: Int) {
        self.tokens = tokens
        self.width = width
        innerCount = tokens * inner
        let count = 6 * tokens * width + innerCount + min(Self.queryBlock, tokens) * tokens
        memory = .allocate(capacity: count)
        memory.initialize(repeating: 0, count: count)
        rounded = .allocate(capacity: BrainFloatMatrix.workspaceCount)
        rounded.initialize(repeating: 0, count: BrainFloatMatrix.workspaceCount)
        packedKeys = .allocate(capacity: BrainFloatMatrix.packedCount(rows: tokens, columns: headWidth))
        packedValues = .allocate(capacity: BrainFloatMatrix.packedCount(rows: headWidth, columns: tokens))
    }

    deinit {
        memory.deallocate()
        rounded.deallocate()
        packedKeys.deallocate()
        packedValues.deallocate()
    }

    private func plane(_ index: Int, _ rows: Int) -> MutableMatrixView {
        precondition(rows <= tokens, "a workspace is made for the longest sequence")
        return MutableMatrixView(memory + index * tokens * width, rows: rows, columns: width)
    }

    /// The states that layers read and write, `[rows, width]`.
    func states(_ rows: Int) -> MutableMatrixView { plane(0, rows) }
    /// Normalised states.
    func normed(_ rows: Int) -> MutableMatrixView { plane(1, rows) }
    /// Queries of all heads, side by side.
    func queries(_ rows: Int) -> MutableMatrixView { plane(2, rows) }
    /// Keys of all heads.
    func keys(_ rows: Int) -> MutableMatrixView { plane(3, rows) }
    /// Values of all heads.
    func values(_ rows: Int) -> MutableMatrixView { plane(4, rows) }
    /// What attention gathered, of all heads.
    func context(_ rows: Int) -> MutableMatrixView { plane(5, rows) }

    /// `[rows, columns]` between the products of a feed-forward layer.
    func inner(_ rows: Int, _ columns: Int) -> MutableMatrixView {
        precondition(rows * columns <= innerCount, "a workspace is made for the widest layer")
        return MutableMatrixView(memory + 6 * tokens * width, rows: rows, columns: columns)
    }

    /// Attention of a block of queries to all keys.
    func scores(_ rows: Int, _ columns: Int) -> MutableMatrixView {
        precondition(rows <= Self.queryBlock && columns <= tokens, "scores are computed a block at a time")
        return MutableMatrixView(memory + 6 * tokens * width + innerCount, rows: rows, columns: columns)
    }
}

/// Workspaces of equal size, one for each run that is under way.
final class WorkspacePool: Sendable {
    private let idle = Mutex<[Lease]>([])
    private let tokens: Int
    private let width: Int
    private let inner: Int
    private let headWidth: Int

    /// A workspace on its way from one thread to the next.
    private struct Lease: @unchecked Sendable {
        // @unchecked Sendable holds because a lease is either in the pool or with the one run that took it out.
        let workspace: Workspace
    }

    init(tokens: Int, width: Int, inner: Int, headWidth: Int = 0) {
        self.tokens = tokens
        self.width = width
        self.inner = inner
        self.headWidth = headWidth
    }

    /// Calls `body` with a workspace that nobody else uses meanwhile.
    func withWorkspace<Result, Failure: Error>(
        _ body: (Workspace) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let lease =
            idle.withLock { $0.popLast() }
            ?? Lease(workspace: Workspace(tokens: tokens, width: width, inner: inner, headWidth: headWidth))
        defer { idle.withLock { $0.append(lease) } }
        return try body(lease.workspace)
    }
}
