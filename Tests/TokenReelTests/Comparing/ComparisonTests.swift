import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReduction
import TokenReel

@Suite struct ComparisonTests {
    private static let clip = SharedFiles.package.appending(path: "Samples/clip.mp4").path
    private static let methods = ["evs", "holitom", "tokenreel", "vqtoken"]

    private func compare(
        _ methods: [String] = methods, allowSubstitute: Bool = false, cancellation: Cancellation? = nil
    ) throws -> Comparison {
        var pipeline = try Pipeline()
        pipeline.request.allowSubstitute = allowSubstitute
        pipeline.request.cancellation = cancellation
        return try pipeline.compare(
            OpenInput(.file(scratch.path("grid"))), methods: methods, budgets: [.ratio(0.05), .tokens(300)],
            languageModel: LanguageModel.qwen2[0])
    }

    private let scratch: ScratchFolder

    /// The clip's tokens without the saliency that HoliTom needs.
    init() throws {
        scratch = try ScratchFolder()
        let whole = try Pipeline().encode(OpenInput(.file(Self.clip))).grid
        let grid = try TokenGrid(shape: whole.shape, values: whole.values, frameTimes: whole.frameTimes)
        try grid.write(to: scratch.path("grid"))
    }

    @Test func figuresAreThoseOfAReduction() throws {
        let comparison = try compare()
        #expect(comparison.entries.count == 6)
        for entry in comparison.entries {
            var pipeline = try Pipeline()
            pipeline.method = entry.method
            pipeline.request.budget = entry.budget
            let report = try pipeline.reduce(OpenInput(.file(scratch.path("grid")))).report
            #expect(entry.quality == report.quality && entry.tokens == report.tokensOut)
            #expect(comparison.shape == report.shape)
            #expect(entry.seconds > 0 && entry.peakMemoryBytes > 1 << 20)
        }
    }

    @Test func ordersByBudgetThenCoverageAndNamesWhatItSkips() throws {
        let comparison = try compare()
        #expect(comparison.entriesByBudget.map(\.budget) == [.ratio(0.05), .tokens(300)])
        for (_, entries) in comparison.entriesByBudget {
            let coverages = entries.map(\.quality.coverage)
            #expect(coverages == coverages.sorted(by: >) && coverages.count == 3)
        }
        let omission = try #require(comparison.omissions.first)
        #expect(comparison.omissions.count == 1 && omission.method == "holitom" && omission.isSkipped)
        #expect(omission.budgets == [.ratio(0.05), .tokens(300)])
    }

    @Test func substitutesAreMarked() throws {
        let comparison = try compare(allowSubstitute: true)
        #expect(comparison.entries.count == 8 && comparison.omissions.isEmpty)
        for entry in comparison.entries { #expect(entry.substituted == (entry.method == "holitom" ? [.saliency] : [])) }
    }

    @Test func oneThatFailsDoesNotStopTheOthers() throws {
        let grid = try TokenGrid(
            shape: GridShape(frames: 2, rows: 1, columns: 2, channels: 2),
            values: TensorBuffer([1, 0, 0, 1, .nan, 0, 1, 1]), frameTimes: [0, 1])
        try grid.write(to: scratch.path("broken"))
        let comparison = try Pipeline().compare(
            OpenInput(.file(scratch.path("broken"))), methods: ["evs", "vqtoken"], budgets: [.tokens(1), .tokens(2)])
        #expect(comparison.entries.isEmpty)
        #expect(comparison.omissions.map(\.method) == ["evs", "evs", "vqtoken", "vqtoken"])
        #expect(comparison.omissions.allSatisfy { !$0.isSkipped && $0.budgets.count == 1 })
    }

    @Test func wrongWishesAndCancellationEndIt() throws {
        let cancelled = Cancellation()
        cancelled.cancel()
        #expect { try compare(cancellation: cancelled) } throws: { ($0 as? TokenReelError)?.code == .cancelled }
        #expect { try compare(["nothing"]) } throws: { ($0 as? TokenReelError)?.code == .invalidArgument }
        #expect(throws: TokenReelError.self) {
            try Pipeline().compare(OpenInput(.file(Self.clip)), budgets: [])
        }
    }

    @Test func jsonCSVAndPageTellTheSame() throws {
        let comparison = try compare()
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(comparison.json.utf8)) as? [String: Any])
        let results = try #require(object["results"] as? [[String: Any]])
        let lines = comparison.csv.split(separator: "\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        #expect(lines.count == 1 + 6 + 2)
        for (result, (entry, line)) in zip(results, zip(comparison.entries, lines.dropFirst())) {
            #expect(result["method"] as? String == entry.method && line[0] == entry.method)
            // Foundation reads the last digit of some numbers a little off.
            #expect(abs(try #require(result["coverage"] as? Double) - entry.quality.coverage) < 1e-12)
            #expect(Double(line[5]) == entry.quality.coverage && Int(line[3]) == entry.tokens)
            let flops = try #require(result["prefill_flops"] as? [String: Double])
            #expect(flops["fastvid"] == LanguageModel.qwen2[0].prefillFLOPs(entry.tokens, by: .fastvid))
            #expect(Double(line[11]) == flops["fastvid"])
            let density = try #require(result["density"] as? Double)
            #expect(abs(density - entry.quality.coverage / Double(entry.tokens)) < 1e-12)
        }
        #expect(lines.suffix(2).allSatisfy { $0[0] == "holitom" && $0[1] == "skipped" })
        let page = try PageData(comparison.page)
        #expect(page.isSelfContained)
        #expect(page.object as NSDictionary == object as NSDictionary)
    }
}
