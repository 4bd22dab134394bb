import Foundation
import TokenCore
import VideoDecoding

/// What a live source brought, until it ended or enough had come.
struct Watched {
    var frames: [VideoFrame] = []
    var arrivals: [ContinuousClock.Instant] = []
    var gaps: [LiveGap] = []
    var openings: [Int] = []
    var info: VideoInfo?
    var hasEnded = false

    var seconds: [Double] { frames.map(\.pts.seconds) }
    var ticks: [Int64] { frames.map(\.pts.ticks) }

    mutating func add(_ event: LiveEvent) {
        switch event {
        case .opened(let info, let attempt):
            self.info = info
            openings.append(attempt)
        case .frame(let frame, let arrival):
            frames.append(frame)
            arrivals.append(arrival)
        case .gap(let gap): gaps.append(gap)
        case .ended: hasEnded = true
        }
    }

    /// Takes events from `video` until `isEnough`, the end, or so many seconds.
    mutating func watch(_ video: LiveVideo, seconds: Double, until isEnough: (Watched) -> Bool = { _ in false }) {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while !hasEnded, !isEnough(self), ContinuousClock.now < deadline {
            if let event = video.next(timeout: 0.2) { add(event) }
        }
    }

    /// All that a source brings up to its end.
    init(_ location: String, rate: Double, seconds: Double = 60, _ change: (inout LiveOptions) -> Void = { _ in })
        throws
    {
        var options = LiveOptions()
        options.sampleRate = rate
        change(&options)
        watch(try LiveVideo(LiveSource(location), options: options), seconds: seconds)
    }

    init() {}
}
