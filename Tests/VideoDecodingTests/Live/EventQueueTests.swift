import Foundation
import Testing
import TokenCore
import VideoDecoding

@Suite(.timeLimit(.minutes(1))) struct EventQueueTests {
    private func frame(_ number: Int) -> LiveEvent {
        let pts = MediaTime(ticks: Int64(number), timeBase: .one)
        return .frame(VideoFrame(width: 1, height: 1, pixels: [0, 0, 0], pts: pts), arrival: .now)
    }

    private func gap(_ number: Int) -> LiveEvent {
        .gap(LiveGap(reason: .end, detail: "", since: Double(number), attempt: number))
    }

    /// What is in the queue: numbers of frames, and negative ones of gaps.
    private func drain(_ queue: EventQueue) -> [Int] {
        var numbers: [Int] = []
        while let event = queue.receive(timeout: 0) {
            switch event {
            case .frame(let frame, _): numbers.append(Int(frame.pts.ticks))
            case .gap(let gap): numbers.append(-gap.attempt)
            case .opened: numbers.append(0)
            case .ended: return numbers
            }
        }
        return numbers
    }

    @Test func theOldestFrameGoesAndNothingElse() {
        let queue = EventQueue(capacity: 3, dropsOldest: true)
        for event in [frame(1), gap(7), frame(2), frame(3), frame(4), frame(5)] { queue.send(event) }
        #expect(drain(queue) == [-7, 3, 4, 5] && queue.statistics.framesDropped == 2)
        queue.send(frame(6))
        queue.end()
        queue.send(frame(7))
        #expect(drain(queue) == [6])
        guard case .ended = queue.receive(timeout: 0) else {
            Issue.record("not ended")
            return
        }
    }

    @Test func theSenderWaitsWhereNothingMayBeLost() {
        let queue = EventQueue(capacity: 2, dropsOldest: false)
        let count = 500
        Thread.detachNewThread {
            for number in 1...count { queue.send(frame(number)) }
            queue.end()
        }
        var numbers: [Int] = []
        while let event = queue.receive(timeout: 10), case .frame(let frame, _) = event {
            numbers.append(Int(frame.pts.ticks))
            if numbers.count % 100 == 0 { usleep(1000) }
        }
        #expect(numbers == Array(1...count) && queue.statistics.framesDropped == 0)
    }

    @Test func closingFreesASenderThatWaits() {
        let queue = EventQueue(capacity: 1, dropsOldest: false)
        let sent = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            for number in 1...3 { queue.send(frame(number)) }
            sent.signal()
        }
        #expect(sent.wait(timeout: .now() + 0.1) == .timedOut)
        queue.close()
        #expect(sent.wait(timeout: .now() + 10) == .success)
        #expect(drain(queue) == [1, 2, 3])
    }

    @Test func waitingEndsAtItsTime() {
        let queue = EventQueue(capacity: 1, dropsOldest: true)
        let begin = ContinuousClock.now
        #expect(drain(queue).isEmpty)
        let event = queue.receive(timeout: 0.1)
        if event != nil { Issue.record("something came") }
        #expect(ContinuousClock.now - begin >= .seconds(0.1))
    }

    /// A source that comes and goes for ever fills no memory when nobody reads.
    @Test func gapsThatNobodyReadsBecomeOne() {
        let queue = EventQueue(capacity: 3, dropsOldest: true)
        for number in 1...10_000 {
            queue.send(gap(number))
            if number % 100 == 0 { queue.send(frame(number)) }
        }
        let numbers = drain(queue)
        #expect(numbers.count < 100 && numbers.suffix(2) == [-10_000, 10_000], "\(numbers)")
    }
}
