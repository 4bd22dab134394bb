internal import Synchronization
internal import TensorOps

/// What a workspace is made for.
struct WorkspaceShape: Sendable {
    /// States of the longest sequence.
    let tokens: Int
    /// Numbers of a state.
    let width: Int
    /// Numbers between the products of a feed-forward layer, for each state.
    let inner: Int
    /// What attention is computed in.
    var precision = Precision.f32
}

/// The memory that one run of a transformer needs, allocated once and used by one run at a time.
final class Workspace {
    /// Query rows whose attention is computed at a time: their scores stay in a core's cache.
    ///
    /// Fixed, because the cut decides the order of sums.
    static let queryBlock = 256

    /// Rows of a pass between products that one thread takes at a time.
    static let rowsPerPass = 64

    private let shape: WorkspaceShape
    private let memory: UnsafeMutablePointer<Float>
    private let roundedMemory: UnsafeMutablePointer<UInt16>?
    /// One for each thread of the largest run so far.
    private var scratches: [Scratch] = []
    /// Threads of the run under way.
    private var workers = 1

    init(_ shape: WorkspaceShape) {
        self.shape = shape
        let count = shape.tokens * (6 * shape.width + shape.inner)
        memory = .allocate(capacity: count)
        memory.initialize(repeating: 0, count: count)
        roundedMemory =
            shape.precision == .bf16 ? .allocate(capacity: Rounded.allCases.count * shape.tokens * shape.width) : nil
    }

    deinit {
        memory.deallocate()
        roundedMemory?.deallocate()
    }

    /// Gets ready for a run on some threads.
    func prepare(workers: Int) {
        self.workers = max(workers, 1)
        while scratches.count < self.workers { scratches.append(Scratch(shape)) }
    }

    /// Calls `body` with each element and the scratch of the thread that it runs on.
    ///
    /// Calls share the planes: none may write what another reads or writes.
    func forEach<Element: Sendable>(_ elements: [Element], _ body: (Element, Scratch) -> Void) {
        withoutActuallyEscaping(body) { body in
            // All calls end before this returns, and no two at a time get the same scratch.
            nonisolated(unsafe) let (body, scratches) = (body, scratches)
            Parallel.forEach(count: elements.count, workers: workers) { body(elements[$0], scratches[$1]) }
        }
    }

    private func plane(_ index: Int, _ rows: Int) -> MutableMatrixView {
        precondition(rows <= shape.tokens, "a workspace is made for the longest sequence")
        return MutableMatrixView(memory + index * shape.tokens * shape.width, rows: rows, columns: shape.width)
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

    /// Queries, keys or values in bf16.
    enum Rounded: Int, CaseIterable { case queries, keys, values }

    /// Queries, keys or values of all heads in bf16; nil where attention is computed in single precision.
    func rounded(_ plane: Rounded, _ rows: Int) -> MutableRoundedView? {
        precondition(rows <= shape.tokens, "a workspace is made for the longest sequence")
        return roundedMemory.map {
            MutableRoundedView($0 + plane.rawValue * shape.tokens * shape.width, rows: rows, columns: shape.width)
        }
    }

    /// `[rows, columns]` between the products of a feed-forward layer.
    func inner(_ rows: Int, _ columns: Int) -> MutableMatrixView {
        precondition(rows * columns <= shape.tokens * shape.inner, "a workspace is made for the widest layer")
        return MutableMatrixView(memory + 6 * shape.tokens * shape.width, rows: rows, columns: columns)
    }

    /// Attention of some queries to all keys, on the calling thread.
    func scores(_ rows: Int, _ columns: Int) -> MutableMatrixView { scratches[0].scores(rows, columns) }
}

/// The memory that one thread of a run has to itself.
final class Scratch {
    /// Where factors of bf16 products are rounded: room for a block of scores, and ``PackedMatrix/scratchCount``.
    let rounded: UnsafeMutablePointer<UInt16>
    private let attention: UnsafeMutablePointer<Float>
    private let shape: WorkspaceShape

    init(_ shape: WorkspaceShape) {
        self.shape = shape
        let count = min(Workspace.queryBlock, shape.tokens) * shape.tokens
        attention = .allocate(capacity: count)
        rounded = .allocate(capacity: max(PackedMatrix.scratchCount, count))
    }

    deinit {
        rounded.deallocate()
        attention.deallocate()
    }

    /// Attention of a block of queries to all keys.
    func scores(_ rows: Int, _ columns: Int) -> MutableMatrixView {
        precondition(rows <= Workspace.queryBlock && columns <= shape.tokens, "scores are computed a block at a time")
        return MutableMatrixView(attention, rows: rows, columns: columns)
    }
}

/// Workspaces of equal shape, one for each run that is under way.
final class WorkspacePool: Sendable {
    private let idle = Mutex<[Lease]>([])
    private let shape: WorkspaceShape

    /// A workspace on its way from one thread to the next.
    private struct Lease: @unchecked Sendable {
        // @unchecked Sendable holds because a lease is either in the pool or with the one run that took it out.
        let workspace: Workspace
    }

    init(_ shape: WorkspaceShape) { self.shape = shape }

    /// Calls `body` with a workspace that nobody else uses meanwhile, for a run on up to `workers` threads.
    func withWorkspace<Result, Failure: Error>(
        workers: Int = 1, _ body: (Workspace) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let lease = idle.withLock { $0.popLast() } ?? Lease(workspace: Workspace(shape))
        defer { idle.withLock { $0.append(lease) } }
        lease.workspace.prepare(workers: workers)
        return try body(lease.workspace)
    }
}
