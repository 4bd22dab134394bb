import Foundation
import TokenReel

/// Follows a camera and tells of every segment as soon as it is finished, until Ctrl-C or for a number of seconds.
///
/// usage: FollowCamera SOURCE [SECONDS]     SOURCE: /dev/video0, rtsp://…, - for standard input, or a file
@main struct FollowCamera {
    static func main() async {
        let arguments = CommandLine.arguments
        guard arguments.count == 2 || arguments.count == 3 else {
            print("usage: FollowCamera SOURCE [SECONDS]")
            exit(64)
        }
        do {
            try await follow(arguments[1], seconds: arguments.count == 3 ? Double(arguments[2]) : nil)
        } catch {
            print("\(error)")
            exit(1)
        }
    }

    private static func follow(_ location: String, seconds: Double?) async throws {
        var pipeline = try Pipeline()
        pipeline.request.budget = .ratio(0.05)
        var options = LiveOptions()
        options.sampleRate = 4
        // Scaled once, on the way from the decoder.
        options.size = pipeline.decodeOptions.size

        let source = try LiveSource(location)
        let video = try LiveVideo(source, options: options)
        let control = LiveControl()
        let stop = finishOnInterrupt(control)
        defer { stop.cancel() }
        if let seconds {
            Task {
                try await Task.sleep(for: .seconds(seconds))
                control.finish()
            }
        }
        for try await event in LiveReduction(pipeline).events(of: video, control: control) {
            switch event {
            case .opened(let info, let attempt):
                print("\(source.name): \(info.codec) \(info.width)x\(info.height), attempt \(attempt)")
            case .segment(let segment):
                let times = segment.sequence.frameTimes
                print(
                    "segment \(segment.id): \(times.first ?? 0) to \(times.last ?? 0) s, "
                        + "\(segment.tokensIn) tokens -> \(segment.sequence.count)")
            case .gap(let gap): print("no picture: \(gap.detail)")
            }
        }
        print("\(control.statistics.framesSampled) frames, \(control.statistics.framesDropped) dropped")
    }

    /// The first Ctrl-C commits what is open and ends the loop; memory does not grow however long it runs.
    private static func finishOnInterrupt(_ control: LiveControl) -> any DispatchSourceSignal {
        signal(SIGINT, SIG_IGN)
        let interrupt = DispatchSource.makeSignalSource(signal: SIGINT)
        interrupt.setEventHandler { control.finish() }
        interrupt.resume()
        return interrupt
    }
}
