internal import CLibrary

/// The clock on the wall, to tell people when something was; durations are measured by `ContinuousClock`.
package enum WallClock {
    /// Seconds since 1970 at a moment of this run of the system, in whole milliseconds.
    package static func seconds(at moment: ContinuousClock.Instant) -> Double {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let seconds = Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9 - (ContinuousClock.now - moment) / .seconds(1)
        return (seconds * 1000).rounded() / 1000
    }
}
