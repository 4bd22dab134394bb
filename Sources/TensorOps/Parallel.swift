internal import Dispatch
internal import Synchronization

/// Work spread over threads so that the result can't depend on how many there are.
public enum Parallel {
    /// The results of `body(0) … body(count - 1)`, in that order, computed by up to `workers` threads.
    ///
    /// Blocks until all are done. What one call computes must not depend on another, and how work is cut into calls
    /// must not depend on `workers`. Of several errors the one with the lowest index is thrown.
    public static func map<Result: Sendable, Failure: Error>(
        count: Int, workers: Int, _ body: @Sendable (Int) throws(Failure) -> Result
    ) throws(Failure) -> [Result] {
        if min(workers, count) <= 1 {
            var results: [Result] = []
            results.reserveCapacity(count)
            for index in 0..<count { results.append(try body(index)) }
            return results
        }
        let outcomes = Mutex<[Swift.Result<Result, Failure>?]>(Array(repeating: nil, count: count))
        forEach(count: count, workers: workers) { index, _ in
            let outcome: Swift.Result<Result, Failure>
            do throws(Failure) {
                outcome = .success(try body(index))
            } catch {
                outcome = .failure(error)
            }
            outcomes.withLock { $0[index] = outcome }
        }
        var results: [Result] = []
        results.reserveCapacity(count)
        for outcome in outcomes.withLock({ $0 }) {
            guard let outcome else { preconditionFailure("every index is taken exactly once") }
            results.append(try outcome.get())
        }
        return results
    }

    /// Calls `body` with 0 to `count - 1` on up to `workers` threads, and the number of the thread: 0 to `workers - 1`.
    ///
    /// Blocks until all are done. As in ``map(count:workers:_:)``, calls must not depend on one another.
    public static func forEach(count: Int, workers: Int, _ body: @Sendable (_ index: Int, _ worker: Int) -> Void) {
        if min(workers, count) <= 1 {
            for index in 0..<count { body(index, 0) }
            return
        }
        let next = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: min(workers, count)) { worker in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                body(index, worker)
            }
        }
    }
}
