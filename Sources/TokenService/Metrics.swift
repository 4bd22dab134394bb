internal import CLibrary
internal import Essentials
internal import Synchronization
internal import TokenReel

/// What a service has done so far, in Prometheus' text format.
final class Metrics: Sendable {
    private struct Requests: Hashable {
        let method: String
        let route: String
        let status: Int
    }
    private struct Counts {
        var requests: [Requests: (count: Int, seconds: Double)] = [:]
        var reductions: [String: Int] = [:]
        var reductionSeconds = 0.0
        var uploadBytes = 0
        var tokensIn = 0
        var tokensOut = 0
    }
    private let counts = Mutex(Counts())

    /// Counts an answer.
    ///
    /// - Parameter route: The path as the table of endpoints has it, so that clients can't make names up.
    func answered(_ method: String, _ route: String, _ status: Int, seconds: Double) {
        counts.withLock { counts in
            let key = Requests(method: method, route: route, status: status)
            let before = counts.requests[key] ?? (0, 0)
            counts.requests[key] = (before.count + 1, before.seconds + seconds)
        }
    }

    /// Counts bytes that arrived.
    func received(_ bytes: Int) { counts.withLock { $0.uploadBytes += bytes } }

    /// Counts a reduction that came to its end.
    ///
    /// - Parameter outcome: `done`, or the code of what went wrong.
    func reduced(_ outcome: String, seconds: Double, tokensIn: Int = 0, tokensOut: Int = 0) {
        counts.withLock { counts in
            counts.reductions[outcome, default: 0] += 1
            counts.reductionSeconds += seconds
            counts.tokensIn += tokensIn
            counts.tokensOut += tokensOut
        }
    }

    /// All figures.
    func text(load: (running: Int, waiting: Int), jobs: Int) -> String {
        let counts = counts.withLock { $0 }
        var text = ""
        func family(_ name: String, _ type: String, _ help: String, _ samples: [(labels: String, value: String)]) {
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
            for sample in samples { text += "\(name)\(sample.labels) \(sample.value)\n" }
        }
        func one(_ value: some CustomStringConvertible) -> [(labels: String, value: String)] { [("", "\(value)")] }
        let requests = counts.requests.map { key, figures in
            (
                "{method=\"\(key.method)\",route=\"\(key.route)\",status=\"\(key.status)\"}", figures
            )
        }.sorted { $0.0 < $1.0 }
        family(
            "tokenreel_requests_total", "counter", "Answers by endpoint and status.",
            requests.map { ($0.0, "\($0.1.count)") })
        family(
            "tokenreel_request_seconds_total", "counter", "Seconds from the head of a request to that of its answer.",
            requests.map { ($0.0, "\($0.1.seconds)") })
        family(
            "tokenreel_reductions_total", "counter", "Reductions by outcome.",
            counts.reductions.sorted { $0.key < $1.key }.map { ("{outcome=\"\($0.key)\"}", "\($0.value)") })
        family(
            "tokenreel_reduction_seconds_total", "counter", "Seconds that reductions ran.", one(counts.reductionSeconds)
        )
        family("tokenreel_upload_bytes_total", "counter", "Bytes of uploads.", one(counts.uploadBytes))
        family("tokenreel_tokens_in_total", "counter", "Tokens before reduction.", one(counts.tokensIn))
        family("tokenreel_tokens_out_total", "counter", "Tokens kept.", one(counts.tokensOut))
        family("tokenreel_running", "gauge", "Reductions that run.", one(load.running))
        family("tokenreel_waiting", "gauge", "Requests taken on that do not run.", one(load.waiting))
        family("tokenreel_jobs", "gauge", "Jobs that are remembered.", one(jobs))
        family("process_cpu_seconds_total", "counter", "Seconds of processor time.", one(Self.processorSeconds))
        if let pages = Self.residentPages {
            family(
                "process_resident_memory_bytes", "gauge", "Memory that is resident.", one(pages * Int(getpagesize())))
        }
        if let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count {
            // One of them was needed to count.
            family("process_open_fds", "gauge", "Descriptors that are open.", one(descriptors - 1))
        }
        return text
    }

    private static var processorSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// The second figure of the process's `statm`, where there is one.
    private static var residentPages: Int? {
        guard let statm = FileManager.default.contents(atPath: "/proc/self/statm") else { return nil }
        let figures = String(decoding: statm, as: UTF8.self).split(separator: " ")
        return figures.count > 1 ? Int(figures[1]) : nil
    }
}
