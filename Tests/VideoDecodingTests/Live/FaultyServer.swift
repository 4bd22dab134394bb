import Foundation
import Synchronization
import TokenCore

/// A server on loopback that streams to everyone who connects, and breaks its connections on request.
final class FaultyServer: Sendable {
    /// What a client receives.
    enum Content: Sendable {
        /// A transport stream of that many seconds, again and again, at its own speed.
        case transportStream([UInt8], seconds: Double)
        /// JPEG pictures over HTTP, so many a second.
        case motionJPEG([[UInt8]], rate: Double)
        /// An answer to an HTTP request, and nothing more.
        case answer(String)
        /// What the server at another port sends; the client's own words go there.
        case relay(port: UInt16)
    }

    /// What can happen to the connections that are open.
    enum Fault: CaseIterable, Sendable {
        /// They end in good order.
        case closed
        /// They break.
        case reset
        /// They stay open and bring nothing.
        case silence
        /// They bring something else.
        case garbage
        /// They end, and for a while nobody answers.
        case refused
    }

    private struct State {
        var connections = 0
        var struck = 0
        var fault = Fault.closed
        var isStopped = false
    }

    let port: UInt16
    private let content: Content
    private let listener: Mutex<Int32>
    private let state = Mutex(State())

    init(_ content: Content) throws {
        self.content = content
        let (socket, port) = try Self.listen(port: 0)
        self.port = port
        listener = Mutex(socket)
        Thread.detachNewThread { [self] in accept() }
    }

    /// Connections made so far.
    var connections: Int { state.withLock(\.connections) }

    /// Lets something happen to all that are connected; those who come later are served.
    func strike(_ fault: Fault) throws {
        if fault == .refused { listener.withLock { stop($0) } }
        state.withLock { ($0.struck, $0.fault) = ($0.connections, fault) }
        guard fault == .refused else { return }
        usleep(700_000)
        try listener.withLock { $0 = try Self.listen(port: port).socket }
    }

    func stop() {
        state.withLock { ($0.isStopped, $0.struck, $0.fault) = (true, $0.connections, .closed) }
        listener.withLock { stop($0) }
    }

    private func stop(_ socket: Int32) {
        shutdown(socket, Int32(SHUT_RDWR))
        close(socket)
    }

    private static func listen(port: UInt16) throws -> (socket: Int32, port: UInt16) {
        let socket = Self.socket()
        var yes: Int32 = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        let bound = withAddress(port) { bind(socket, $0, $1) }
        guard bound == 0, Foundation.listen(socket, 16) == 0 else {
            throw TokenReelError(.inputOutput, subject: "test server", found: "port \(port): \(errno)")
        }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) }
        }
        return (socket, UInt16(bigEndian: address.sin_port))
    }

    private static func socket() -> Int32 { Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }

    private static func withAddress<Result>(_ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result)
        -> Result
    {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    private func accept() {
        while !state.withLock(\.isStopped) {
            let socket = listener.withLock { $0 }
            let client = Foundation.accept(socket, nil, nil)
            guard client >= 0 else {
                usleep(20_000)
                continue
            }
            let number = state.withLock { state in
                state.connections += 1
                return state.connections
            }
            Thread.detachNewThread { [self] in
                serve(Connection(client, number))
                close(client)
            }
        }
    }

    // MARK: Serving

    private final class Connection: Sendable {
        let socket: Int32
        let number: Int

        init(_ socket: Int32, _ number: Int) { (self.socket, self.number) = (socket, number) }

        /// Whether the client is still there and everything was sent.
        func send(_ bytes: some Collection<UInt8>) -> Bool {
            var rest = Array(bytes)[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes {
                    Foundation.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }

        /// What came within a tenth of a second; nil once the client is gone.
        func receive() -> [UInt8]? {
            var request = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard poll(&request, 1, 100) > 0 else { return [] }
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            let count = recv(socket, &buffer, buffer.count, 0)
            return count > 0 ? Array(buffer[..<count]) : nil
        }
    }

    /// Sends what `bytes` says, unless the connection was struck: then it does what the fault says, and is over.
    private func send(_ bytes: some Collection<UInt8>, _ connection: Connection) -> Bool {
        let fault = state.withLock { $0.struck >= connection.number ? $0.fault : nil }
        switch fault {
        case nil: return connection.send(bytes)
        case .closed, .refused: return false
        case .reset:
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(
                connection.socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
            return false
        case .silence:
            while connection.receive() != nil {}
            return false
        case .garbage:
            var generator = SystemRandomNumberGenerator()
            repeat {
                usleep(20_000)
            } while connection.send((0..<2000).map { _ in UInt8.random(in: 0...255, using: &generator) })
            return false
        }
    }

    private func serve(_ connection: Connection) {
        let begin = ContinuousClock.now
        func wait(until seconds: Double) {
            let left = (begin + .seconds(seconds) - .now) / .seconds(1)
            if left > 0 { usleep(UInt32(left * 1e6)) }
        }
        switch content {
        case .transportStream(let bytes, let seconds):
            var step = 0
            let size = max(Int(Double(bytes.count) / seconds / 50) / 188, 1) * 188
            while true {
                let place = step * size % (bytes.count / size * size)
                guard send(bytes[place..<place + size], connection) else { return }
                step += 1
                wait(until: Double(step) * Double(size) / Double(bytes.count) * seconds)
            }
        case .motionJPEG(let pictures, let rate):
            _ = connection.receive()
            var header = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=part\r\n\r\n"
            var number = 0
            while true {
                let picture = pictures[number % pictures.count]
                header += "--part\r\nContent-Type: image/jpeg\r\nContent-Length: \(picture.count)\r\n\r\n"
                guard send(Array(header.utf8) + picture + Array("\r\n".utf8), connection) else { return }
                header = ""
                number += 1
                wait(until: Double(number) / rate)
            }
        case .answer(let text):
            _ = connection.receive()
            _ = send(Array(text.utf8), connection)
        case .relay(let port):
            let upstream = Self.socket()
            defer { close(upstream) }
            guard Self.withAddress(port, { Foundation.connect(upstream, $0, $1) }) == 0 else { return }
            let server = Connection(upstream, 0)
            let client = connection
            Thread.detachNewThread {
                while let bytes = client.receive(), server.send(bytes) {}
                shutdown(upstream, Int32(SHUT_RDWR))
            }
            while let bytes = server.receive(), send(bytes, connection) {}
        }
    }
}
