internal import CLibrary

/// A thread of its own for work that blocks, so that Swift's shared pool never waits for a file or a codec.
package struct DedicatedThread: ~Copyable {
    private let thread: pthread_t

    private final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Starts `body`.
    package init(_ body: @escaping @Sendable () -> Void) {
        let work = Unmanaged.passRetained(Work(body)).toOpaque()
        #if canImport(Darwin)
            var thread: pthread_t?
            let status = pthread_create(&thread, nil, { Self.run($0) }, work)
        #else
            var thread: pthread_t? = pthread_t()
            let status = withUnsafeMutablePointer(to: &thread) { place in
                place.withMemoryRebound(to: pthread_t.self, capacity: 1) {
                    pthread_create($0, nil, { DedicatedThread.run($0) }, work)
                }
            }
        #endif
        guard status == 0, let thread else { preconditionFailure("the system has no thread left") }
        self.thread = thread
    }

    /// Waits for the end of the work.
    package consuming func join() { pthread_join(thread, nil) }

    /// Lets the work end on its own.
    package consuming func detach() { pthread_detach(thread) }

    /// Does blocking work on a thread of its own while the task waits.
    package static func outcome<Value: Sendable>(
        _ work: @escaping @Sendable () throws(TokenReelError) -> Value
    ) async -> Result<Value, TokenReelError> {
        await withCheckedContinuation { continuation in
            DedicatedThread {
                do throws(TokenReelError) {
                    continuation.resume(returning: .success(try work()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }.detach()
        }
    }

    private static func run(_ work: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        if let work { Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body() }
        return nil
    }
}
