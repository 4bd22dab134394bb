internal import HTTPTypes
internal import Synchronization

/// The jobs of a service: those under way, and those whose result can still be had.
final class JobStore: Sendable {
    private let jobs = Mutex<[String: Job]>([:])
    private let capacity: Int
    private let lifetime: Duration

    /// - Parameters:
    ///   - capacity: Jobs that are remembered at most.
    ///   - seconds: How long a job is remembered after its end.
    init(capacity: Int, seconds: Double) {
        self.capacity = capacity
        lifetime = .seconds(seconds)
    }

    /// Jobs that are remembered.
    var count: Int { jobs.withLock { $0.count } }

    /// Remembers a job; where there is no room, the one that ended first is forgotten.
    ///
    /// - Throws: A ``Problem`` with status 429 if all of them are under way.
    func add(_ job: Job) throws(Problem) {
        forgetOld()
        let isFull = jobs.withLock { jobs in
            if jobs.count >= capacity {
                let oldest = jobs.values.compactMap { job in job.ended.map { (job.id, $0) } }.min { $0.1 < $1.1 }
                guard let oldest else { return true }
                jobs[oldest.0] = nil
            }
            jobs[job.id] = job
            return false
        }
        if isFull {
            throw Problem(
                .tooManyRequests, "too-many-jobs", "\(capacity) jobs are under way.", allowed: "up to \(capacity)",
                fields: [.retryAfter: "1"])
        }
    }

    /// The job of a name, if it belongs to the holder of the same key.
    ///
    /// - Throws: A ``Problem`` with status 404.
    func job(_ id: String?, of holder: Int?) throws(Problem) -> Job {
        forgetOld()
        guard let id, let job = jobs.withLock({ $0[id] }), job.holder == holder else {
            throw Problem(.notFound, "no-such-job", "There is no such job, or no more.")
        }
        return job
    }

    /// Forgets a job and ends its work.
    func remove(_ job: Job) {
        _ = jobs.withLock { $0.removeValue(forKey: job.id) }
        job.cancel(.unwanted)
    }

    /// Ends all work.
    func cancelAll(_ reason: StopSignal.Reason) {
        for job in jobs.withLock({ Array($0.values) }) { job.cancel(reason) }
    }

    /// Forgets those whose time is over.
    func forgetOld() {
        let now = ContinuousClock.now
        jobs.withLock { jobs in
            jobs = jobs.filter { entry in entry.value.ended.map { now - $0 < lifetime } ?? true }
        }
    }
}
