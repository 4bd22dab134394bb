internal import ArgumentParser
internal import Synchronization
internal import TokenCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Turns Ctrl-C and a request to terminate into a cancellation, so that no half-written file is left behind.
enum Interruption {
    /// Raised by the first signal; the second ends the process at once.
    static let cancellation = Cancellation()
    private static let received = Atomic<Int32>(0)

    /// Starts to wait for signals on a thread of its own.
    ///
    /// Call this before any other thread starts, since only threads that come later inherit the blocked signals.
    static func watch() {
        // Writing to a closed pipe shall be an error that can be handled, not the end.
        signal(SIGPIPE, SIG_IGN)
        _ = cancellation
        var signals = watchedSignals()
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        #if canImport(Darwin)
            var thread: pthread_t?
            pthread_create(&thread, nil, { _ in Interruption.receive() }, nil)
        #else
            var thread = pthread_t()
            pthread_create(&thread, nil, { _ in Interruption.receive() }, nil)
        #endif
    }

    /// The exit code that tells which signal ended the work, if one did.
    static var exitCode: ExitCode? {
        let signal = received.load(ordering: .relaxed)
        return signal == 0 ? nil : ExitCode(128 + signal)
    }

    private static func watchedSignals() -> sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        return signals
    }

    private static func receive() -> Never {
        var signals = watchedSignals()
        while true {
            var number: Int32 = 0
            guard sigwait(&signals, &number) == 0 else { continue }
            if received.exchange(number, ordering: .relaxed) != 0 { _exit(128 + number) }
            cancellation.cancel()
        }
    }
}
