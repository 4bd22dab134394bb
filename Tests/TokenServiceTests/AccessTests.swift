import Foundation
import TestSupport
import Testing
import TokenCore
import TokenService

@Suite struct AccessTests {
    private static let key = "0123456789abcdef-one"
    private static let other = "0123456789abcdef-two"

    private static let keyFile = Result {
        let scratch = try ScratchFolder()
        try Data("# keys\n\n\(key)\n  \(other)\n".utf8).write(to: scratch.url.appending(path: "keys"))
        return scratch
    }
    private static let service = Result { try RunningService("--keys", keyFile.get().path("keys")) }
    private let service: RunningService

    init() throws { service = try Self.service.get() }

    @Test func everythingButHealthNeedsAKey() throws {
        let document = try service.ask("GET", "/openapi.json", ["Authorization": "Bearer \(Self.key)"]).json()
        let paths = try #require(document["paths"] as? [String: [String: Any]])
        #expect(paths.count > 8)
        for (path, operations) in paths {
            for method in operations.keys {
                let answer = try service.ask(method.uppercased(), path.replacing("{id}", with: "1"))
                #expect((answer.status == 401) == !["/healthz", "/readyz"].contains(path), "\(method) \(path)")
                if answer.status == 401 {
                    #expect(answer.problem == "unauthorized")
                    #expect(answer.fields["www-authenticate"]?.hasPrefix("Bearer") == true)
                }
            }
        }
        #expect(try service.ask("GET", "/nothing").status == 401)
    }

    @Test(arguments: [
        ("Bearer \(key)", 200), ("bearer \(other)", 200), ("Bearer \(key)x", 401), ("Bearer \(key.dropLast())", 401),
        ("Bearer", 401), ("Bearer ", 401), ("Bearer # keys", 401), ("Digest \(key)", 401), (key, 401),
        ("Basic " + Data("anyone:\(key)".utf8).base64EncodedString(), 200),
        ("Basic " + Data("\(key):".utf8).base64EncodedString(), 401), ("Basic !", 401),
    ])
    func keysAreCompared(header: String, status: Int) throws {
        #expect(try service.ask("GET", "/v1/methods", ["Authorization": header]).status == status)
    }

    @Test func jobsBelongToTheirKey() throws {
        let mine = ["Authorization": "Bearer \(Self.key)"]
        let theirs = ["Authorization": "Bearer \(Self.other)"]
        let job = try service.ask("POST", "/v1/jobs", mine, body: RunningService.clipBytes).json()
        let path = "/v1/jobs/\(try #require(job["id"] as? String))"
        for suffix in ["", "/result", "/events"] {
            #expect(try service.ask("GET", path + suffix, theirs).problem == "no-such-job")
        }
        #expect(try service.ask("DELETE", path, theirs).status == 404)
        #expect(try service.ask("GET", path, mine).status == 200)
    }

    @Test func pagesFromElsewhereAreRefused() throws {
        let fields = ["Authorization": "Bearer \(Self.key)", "Origin": "http://elsewhere.example"]
        #expect(try service.reduce("", fields).problem == "foreign-page")
        let own = ["Authorization": "Bearer \(Self.key)", "Origin": "http://127.0.0.1"]
        #expect(try service.reduce("", own).status == 200)
    }

    @Test func otherMachinesAreLetInOnlyOnPurpose() throws {
        var configuration = ServiceConfiguration(cores: 1, worker: "")
        for host in ["127.0.0.1", "127.1.2.3", "localhost", "::1"] {
            configuration.host = host
            try configuration.validate()
        }
        for host in ["0.0.0.0", "::", "192.168.1.2", "example.org", "127.0.0.1.example.org", "127.0.0", "1270.0.0.1"] {
            configuration.host = host
            configuration.isOpenToAll = false
            #expect(throws: TokenReelError.self) { try configuration.validate() }
            configuration.isOpenToAll = true
            try configuration.validate()
        }
        configuration.isOpenToAll = false
        configuration.keys = try ServiceKeys(path: Self.keyFile.get().path("keys"))
        try configuration.validate()
    }

    @Test(arguments: ["", "# nothing\n", "short\n", "0123456789abcdef with spaces\n"])
    func keysThatAreNoneAreRefused(text: String) throws {
        let scratch = try ScratchFolder()
        try Data(text.utf8).write(to: scratch.url.appending(path: "keys"))
        #expect(throws: TokenReelError.self) { try ServiceKeys(path: scratch.path("keys")) }
        #expect(throws: TokenReelError.self) { try ServiceKeys(path: scratch.path("none")) }
    }
}
