internal import ArgumentParser
internal import CLibrary
internal import Synchronization
internal import TokenCore

/// Turns Ctrl-C and a request to terminate into a cancellation, so that no half-written file is left behind.
enum Interruption {
    /// Raised by the first signal; the second ends the process at once.
    static let cancellation = Cancellation()
    private static let received = Atomic<Int32>(0)
    private static let hangups = Atomic<Int>(0)

    /// Starts to listen for signals.
    ///
    /// A handler, because libraries start threads before `main` that blocked signals would still reach.
    static func watch() {
        // Writing to a closed pipe shall be an error that can be handled, not the end.
        signal(SIGPIPE, SIG_IGN)
        // The handler must not be the first to touch these: initialising them is no work for a signal handler.
        _ = cancellation.isCancelled
        _ = received.load(ordering: .relaxed)
        for number in [SIGINT, SIGTERM] { handle(number) { Interruption.receive($0) } }
    }

    /// Starts to count requests to hang up, which else end the process.
    static func watchHangups() {
        _ = hangups.load(ordering: .relaxed)
        handle(SIGHUP) { _ in Interruption.hangups.add(1, ordering: .relaxed) }
    }

    /// Requests to hang up so far.
    static var hangupCount: Int { hangups.load(ordering: .relaxed) }

    private static func handle(_ number: Int32, with handler: @escaping @convention(c) (Int32) -> Void) {
        let before = signal(number, handler)
        // Whoever started this in the background with signals ignored wants it to stay so.
        if unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { signal(number, SIG_IGN) }
        // A process inherits the signals that its parent's thread had blocked.
        var watched = sigset_t()
        sigemptyset(&watched)
        sigaddset(&watched, number)
        pthread_sigmask(SIG_UNBLOCK, &watched, nil)
    }

    /// The exit code that tells which signal ended the work, if one did.
    static var exitCode: ExitCode? {
        let signal = received.load(ordering: .relaxed)
        return signal == 0 ? nil : ExitCode(128 + signal)
    }

    private static func receive(_ number: Int32) {
        if received.exchange(number, ordering: .relaxed) != 0 { _exit(128 + number) }
        cancellation.cancel()
    }
}
