import Synchronization
import Testing
import TokenReel

@Suite struct BoundedQueueTests {
    @Test func valuesArriveInOrderAndTheSenderStaysAFewAhead() {
        let queue = BoundedQueue<Int>(capacity: 3)
        let sent = Atomic<Int>(0)
        final class Counter: Sendable { let value = Atomic<Int>(0) }
        let counter = Counter()
        let thread = DedicatedThread {
            for number in 0..<1000 where queue.send(number) { counter.value.add(1, ordering: .relaxed) }
        }
        var furthest = 0
        for number in 0..<1000 {
            furthest = max(furthest, counter.value.load(ordering: .relaxed) - number)
            #expect(queue.receive() == number)
            sent.add(1, ordering: .relaxed)
        }
        thread.join()
        // Three wait in the queue, and one more may have found a place just then.
        #expect(furthest <= 4)
    }

    @Test func aReceiverCanLoseItsPatience() {
        let queue = BoundedQueue<Int>(capacity: 2)
        #expect(queue.receive(within: 0.01) == nil)
        #expect(queue.send(7))
        #expect(queue.receive(within: 0) == 7)
        #expect(queue.receive(within: 0) == nil)
    }

    @Test func aFullQueueCanBeLetGo() {
        for _ in 0..<10 {
            let queue = BoundedQueue<Int>(capacity: 4)
            for number in 0..<4 { #expect(queue.send(number)) }
            queue.close()
            #expect(!queue.send(4))
        }
    }

    @Test func closingFreesASenderThatWaits() {
        let queue = BoundedQueue<Int>(capacity: 1)
        final class Outcome: Sendable { let refused = Atomic<Int>(0) }
        let outcome = Outcome()
        let thread = DedicatedThread {
            for number in 0..<100 where !queue.send(number) { outcome.refused.add(1, ordering: .relaxed) }
        }
        #expect(queue.receive() == 0)
        queue.close()
        thread.join()
        #expect(outcome.refused.load(ordering: .relaxed) >= 97)
    }
}
