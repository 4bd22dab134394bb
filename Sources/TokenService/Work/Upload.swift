internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOPosix
internal import Synchronization
internal import TokenCore
internal import TokenReel

/// Receives bodies into nameless temporary files, within limits of size and time.
struct Upload: Sendable {
    /// Bytes of one body.
    let largest: Int
    /// Seconds for the whole body.
    let seconds: Double
    /// Seconds to wait for the next bytes.
    let stallSeconds: Double

    /// Refuses a body that says itself that it is too large, before any of it is read.
    ///
    /// - Throws: A ``Problem`` with status 413.
    func check(_ fields: HTTPFields) throws(Problem) {
        if let text = fields[.contentLength], let length = Int(text), length > largest { throw tooLarge }
    }

    /// Copies a body to a file and computes its digest on the way.
    ///
    /// - Throws: A ``Problem`` with status 413 or 408; ``TokenReelError/Code/inputOutput`` where the disk is full.
    func receive(_ body: RequestBody) async throws -> (file: SpooledInput, bytes: Int) {
        let arrival = Arrival()
        return try await withThrowingTaskGroup(of: (SpooledInput, Int)?.self) { group in
            group.addTask { try await copy(body, noting: arrival) }
            group.addTask {
                try await waitUntilLate(arrival)
                return nil
            }
            defer { group.cancelAll() }
            guard let received = try await group.next() ?? nil else {
                if arrival.isTooLarge { throw tooLarge }
                throw Problem(
                    .requestTimeout, "upload-timeout", "The body did not arrive in time.",
                    allowed: "bytes at least every \(stallSeconds) s, all of them within \(seconds) s")
            }
            return received
        }
    }

    /// When bytes last arrived.
    private final class Arrival: Sendable {
        private let last = Mutex(ContinuousClock.now)
        var time: ContinuousClock.Instant { last.withLock { $0 } }
        func note() { last.withLock { $0 = .now } }
        /// Whether more has arrived than may.
        var isTooLarge: Bool { excess.load(ordering: .relaxed) }
        func noteExcess() { excess.store(true, ordering: .relaxed) }
        private let excess = Atomic(false)
    }

    private func copy(_ body: RequestBody, noting arrival: Arrival) async throws -> (SpooledInput, Int) {
        let file = try TemporaryFile()
        var sum = SHA256()
        var count = 0
        for try await buffer in body {
            arrival.note()
            count += buffer.readableBytes
            guard count <= largest else {
                // A client that is still sending would not see the answer.
                arrival.noteExcess()
                if count > largest + Self.patienceBytes { break }
                continue
            }
            buffer.withUnsafeReadableBytes { sum.update($0) }
            // A disk may make us wait; the threads that serve all requests must not.
            try await NIOThreadPool.singleton.runIfActive {
                try buffer.withUnsafeReadableBytes { try file.write($0) }
            }
        }
        try Task.checkCancellation()
        guard count <= largest else { throw tooLarge }
        return (SpooledInput(file: file, digest: sum.finish()), count)
    }

    /// Returns once the body is too late.
    private func waitUntilLate(_ arrival: Arrival) async throws {
        let end = ContinuousClock.now + .seconds(seconds)
        while true {
            let next = min(end, arrival.time + .seconds(stallSeconds))
            if next <= .now { return }
            try await Task.sleep(until: next, clock: .continuous)
        }
    }

    /// Reads a body that is not wanted, for a while: a client that is still sending would not see the answer.
    static func discard(_ body: RequestBody) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                var count = 0
                do {
                    for try await buffer in body {
                        count += buffer.readableBytes
                        if count > patienceBytes { break }
                    }
                } catch {
                    // It came to its end in another way.
                }
            }
            group.addTask { try? await Task.sleep(for: patience) }
            await group.next()
            group.cancelAll()
        }
    }

    private static let patienceBytes = 16 << 20
    private static let patience = Duration.seconds(3)

    private var tooLarge: Problem {
        Problem(
            .contentTooLarge, "limit-exceeded", "The body is too large.", allowed: "up to \(largest) bytes")
    }
}
