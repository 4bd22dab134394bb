import Foundation
import TokenReel

/// Reduces a video to a share of its tokens and writes them to a file.
///
/// usage: ReduceFile VIDEO OUTPUT.safetensors [SHARE]
@main struct ReduceFile {
    static func main() async {
        let arguments = CommandLine.arguments
        guard arguments.count == 3 || arguments.count == 4,
            let share = arguments.count == 4 ? Double(arguments[3]) : 0.1
        else { fail("usage: ReduceFile VIDEO OUTPUT.safetensors [SHARE]", code: 64) }
        do throws(TokenReelError) {
            try await reduce(arguments[1], to: arguments[2], share: share)
        } catch {
            // Says what was found, what is allowed, and what to change.
            fail("\(error)", code: error.code == .limitExceeded ? 4 : 1)
        }
    }

    private static func reduce(_ video: String, to output: String, share: Double) async throws(TokenReelError) {
        var pipeline = try Pipeline()
        pipeline.request.budget = .ratio(share)
        pipeline.request.workers = ProcessInfo.processInfo.activeProcessorCount
        // Videos are untrusted input; this is the place to lower what one may cost.
        pipeline.decodeOptions.limits.seconds = 600

        // Leaving this loop, or cancelling the task that runs it, ends the work.
        for try await step in pipeline.reducing(.file(video)) {
            switch step {
            case .progress(let progress):
                let total = progress.expectedFrames.map { " of \($0)" } ?? ""
                say("\(progress.stage.rawValue): \(progress.frames)\(total) frames")
            case .finished(let reduced):
                try reduced.sequence.write(to: output, metadata: reduced.metadata)
                let report = reduced.report
                print("\(report.tokensIn) tokens -> \(report.tokensOut), coverage \(report.quality.coverage)")
            }
        }
    }

    private static func say(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }

    private static func fail(_ line: String, code: Int32) -> Never {
        say(line)
        exit(code)
    }
}
