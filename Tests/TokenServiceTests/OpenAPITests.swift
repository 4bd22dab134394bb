import Foundation
import Testing
import TokenReduction

@Suite struct OpenAPITests {
    private static let service = Result { try RunningService() }
    private let service: RunningService
    private let document: [String: Any]
    private let paths: [String: [String: [String: Any]]]

    init() throws {
        service = try Self.service.get()
        document = try service.ask("GET", "/openapi.json").json()
        paths = try #require(document["paths"] as? [String: [String: [String: Any]]])
    }

    @Test func describesWhatThereIsAndNothingElse() throws {
        #expect(document["openapi"] as? String == "3.1.0")
        let expected = [
            "/", "/healthz", "/metrics", "/openapi.json", "/readyz", "/v1/jobs", "/v1/jobs/{id}",
            "/v1/jobs/{id}/events", "/v1/jobs/{id}/result", "/v1/methods", "/v1/reduce",
        ]
        #expect(paths.keys.sorted() == expected)
        for (path, operations) in paths {
            let place = path.replacing("{id}", with: "1")
            for method in ["get", "post", "put", "patch", "delete", "options"] {
                let answer = try service.ask(method.uppercased(), place)
                guard let operation = operations[method] else {
                    #expect(answer.status == 405 && answer.problem == "method-not-allowed", "\(method) \(path)")
                    let allowed = Set(operations.keys.map { $0.uppercased() })
                    #expect(
                        Set(answer.fields["allow"]?.components(separatedBy: ", ") ?? []) == allowed, "\(method) \(path)"
                    )
                    continue
                }
                // Whatever it answers is described, with its type.
                let responses = try #require(operation["responses"] as? [String: [String: Any]])
                let response = try #require(responses["\(answer.status)"], "\(method) \(path) \(answer.status)")
                let types = (response["content"] as? [String: Any])?.keys.map(\.self) ?? []
                let type = answer.fields["content-type"]?.split(separator: ";").first.map(String.init)
                #expect(type.map(types.contains) ?? types.isEmpty, "\(method) \(path) \(answer.status)")
            }
        }
        for path in ["/v1", "/v1/", "/v2/reduce", "/v1/reduce/x", "/index.html", "/../etc/passwd", "//healthz/x"] {
            #expect(try service.ask("GET", path).problem == "not-found", "\(path)")
        }
    }

    @Test func parametersAreThoseThatAreUnderstood() throws {
        for path in ["/v1/reduce", "/v1/jobs"] {
            let parameters = try #require(paths[path]?["post"]?["parameters"] as? [[String: Any]])
            let names = parameters.compactMap { $0["name"] as? String }
            #expect(Set(names).count == names.count && names.count == parameters.count && names.count > 20)
            for name in names {
                // A value that no parameter takes is refused by the parameter's own name.
                let answer = try service.ask("POST", "\(path)?\(name)=%0A", body: Data())
                // A name may be anything, so its job is taken.
                guard answer.status != 202 else { continue }
                let detail = try #require(try answer.json()["detail"] as? String)
                #expect(!detail.hasPrefix("parameter: "), "\(name): \(detail)")
            }
            let unknown = try service.ask("POST", "\(path)?nothing=1", body: Data()).json()
            #expect((unknown["allowed"] as? String)?.components(separatedBy: ", ") == names)
        }
        let method = (paths["/v1/reduce"]?["post"]?["parameters"] as? [[String: Any]])?
            .first { $0["name"] as? String == "method" }
        #expect((method?["schema"] as? [String: Any])?["enum"] as? [String] == RecipeRegistry.recipes.map(\.name))
    }

    @Test func methodsAreTheCommands() throws {
        let methods = try service.ask("GET", "/v1/methods").json()
        let names = (methods["methods"] as? [[String: Any]])?.compactMap { $0["name"] as? String }
        #expect(names == RecipeRegistry.recipes.map(\.name) && methods["schema"] as? Int == 1)
    }

    @Test func figuresCountWhatHappened() throws {
        let service = try RunningService()
        _ = try service.reduce("tokens=10")
        _ = try service.reduce(body: Data("no video\n".utf8))
        let text = try service.ask("GET", "/metrics").text
        for line in [
            "tokenreel_requests_total{method=\"POST\",route=\"/v1/reduce\",status=\"200\"} 1",
            "tokenreel_requests_total{method=\"POST\",route=\"/v1/reduce\",status=\"422\"} 1",
            "tokenreel_reductions_total{outcome=\"done\"} 1",
            "tokenreel_reductions_total{outcome=\"unreadable-input\"} 1", "tokenreel_tokens_in_total 2352",
            "tokenreel_tokens_out_total 10", "tokenreel_upload_bytes_total \(RunningService.clipBytes.count + 9)",
            "tokenreel_running 0", "tokenreel_waiting 0", "# TYPE tokenreel_requests_total counter",
        ] { #expect(text.contains(line + "\n"), "\(line)") }
    }
}
