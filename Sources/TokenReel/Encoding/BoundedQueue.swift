internal import Dispatch
internal import Synchronization

/// Passes values from one thread to another, a few ahead at most, so that the faster side waits for the slower.
///
/// One thread receives; of several that send at once, any comes first.
package final class BoundedQueue<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var isClosed = false
    }
    private let state = Mutex(State())
    private let free = DispatchSemaphore(value: 0)
    private let filled = DispatchSemaphore(value: 0)

    package init(capacity: Int) {
        // Counted up from zero: a semaphore may not end below the value it was made with, and a closed queue can.
        for _ in 0..<capacity { free.signal() }
    }

    /// Waits for a place and puts the value there; false once the receiver has closed the queue.
    package func send(_ element: Element) -> Bool {
        free.wait()
        let isClosed = state.withLock { state in
            if !state.isClosed { state.elements.append(element) }
            return state.isClosed
        }
        // Leaves a place for the next call of a sender that does not stop at once.
        if isClosed { free.signal() } else { filled.signal() }
        return !isClosed
    }

    /// Waits for a value and takes it.
    package func receive() -> Element {
        filled.wait()
        return take()
    }

    /// The same for at most that many seconds; nil if none came.
    package func receive(within seconds: Double) -> Element? {
        filled.wait(timeout: .now() + seconds) == .success ? take() : nil
    }

    private func take() -> Element {
        let element = state.withLock { $0.elements.removeFirst() }
        free.signal()
        return element
    }

    /// Lets the sender know that nobody receives any more.
    package func close() {
        state.withLock { state in
            state.isClosed = true
            state.elements.removeAll()
        }
        free.signal()
    }
}
