import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReel

/// What a stream has to stand for months, in minutes.
///
/// `scripts/soak` runs the same for longer, as `TOKENREEL_KILLS` and `TOKENREEL_SOAK_SECONDS` say, with the clip and at the
/// speed that `TOKENREEL_SOAK_CLIP` and `TOKENREEL_SOAK_SPEED` name.
@Suite(.serialized) struct StreamEnduranceTests {
    private static func setting(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }

    private static func wholeLines(_ text: String) -> String {
        text.lastIndex(of: "\n").map { String(text[...$0]) } ?? ""
    }

    /// Files are whole at the moment of the kill, before anyone repairs; index and files agree after the next start.
    @Test func aKillAtAnyMomentLosesNothingThatWasWritten() throws {
        let scratch = try ScratchFolder()
        let folder = scratch.path("tokens")
        var generator = SplitMix64(state: 7)
        var told = 0
        var repairs = 0
        for _ in 0..<(Self.setting("TOKENREEL_KILLS") ?? 20) {
            let clip = try EndlessClip()
            let running = try RunningCommand(
                ["stream", "-", "--fps", "25", "--window", "2", "--out-dir", folder, "--max-disk", "2MB"], in: scratch,
                reading: clip.pipe)
            // From the first record on it writes all the time.
            #expect(running.waits { !$0.linesSoFar.isEmpty })
            usleep(UInt32.random(in: 0...400_000, using: &generator))
            running.signal(SIGKILL)
            let run = try running.wait()
            #expect(run.status == -SIGKILL, "\(run.errors)")
            // Whatever has the name of a segment is one.
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            for name in names where name.hasPrefix("segment-") {
                #expect(throws: Never.self) { try TokenSequenceFile(path: "\(folder)/\(name)") }
            }
            // What was told to be written is there, or was removed as one of the oldest.
            let segments = try StreamRecords(Self.wholeLines(run.text)).segments
            told += segments.count
            let repair = try SegmentFolder(folder).repair
            #expect(repair.unlisted == 0)
            if !repair.isNothing { repairs += 1 }
            let listing = try SegmentListing(folder)
            #expect(listing.isConsistent)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).allSatisfy { !$0.hasSuffix(".tmp") })
            if let last = segments.last?["id"] as? Int { #expect(listing.ids.last ?? -1 >= last) }
            if let first = listing.ids.first, let last = listing.ids.last {
                #expect(listing.ids == Array(first...last))
            }
        }
        // Kills that never meet a segment or a half-written one would show nothing.
        #expect(told > 0 && repairs > 0)
        print("killed: \(told) segments told, \(repairs) folders repaired")
    }

    @Test func memoryAndDescriptorsStayTheSame() throws {
        let scratch = try ScratchFolder()
        let seconds = Self.setting("TOKENREEL_SOAK_SECONDS") ?? 45
        let path = ProcessInfo.processInfo.environment["TOKENREEL_SOAK_CLIP"] ?? CommandRun.clip
        let clip = try EndlessClip(path, speed: Self.setting("TOKENREEL_SOAK_SPEED"))
        let running = try RunningCommand(
            ["stream", "-", "--fps", "5", "--out-dir", "tokens", "--max-disk", "5MB", "--status-file", "status.json"],
            in: scratch, reading: clip.pipe)
        // Threads, caches and the folder have reached their size by then.
        let warmUp = min(180, seconds / 3)
        func usage() throws -> (bytes: Int, descriptors: Int) {
            let process = "/proc/\(running.process.processIdentifier)"
            let pages = try String(contentsOfFile: process + "/statm", encoding: .utf8).split(separator: " ")
            let descriptors = try FileManager.default.contentsOfDirectory(atPath: process + "/fd").count
            return ((Int(pages[1]) ?? 0) * Int(getpagesize()), descriptors)
        }
        usleep(UInt32(warmUp) * 1_000_000)
        let early = try usage()
        var most = early
        for _ in warmUp..<seconds {
            usleep(1_000_000)
            let now = try usage()
            most = (max(most.bytes, now.bytes), max(most.descriptors, now.descriptors))
        }
        running.signal(SIGTERM)
        let run = try running.wait()
        #expect(run.status == 143)
        let segments = try StreamRecords(run.text).segments
        let growth = Double(most.bytes - early.bytes) / 1e6
        #expect(growth < 5, "grew by \(growth) MB")
        #expect(most.descriptors <= early.descriptors + 2)
        #expect((segments.last?["end"] as? Double ?? 0) > Double(seconds) * 2)
        #expect(try SegmentListing(scratch.path("tokens")).isConsistent)
        print(
            "memory: \(Int(segments.last?["end"] as? Double ?? 0)) s of video in \(seconds) s, \(early.bytes / 1_000_000) MB, "
                + "grew by \(growth) MB, \(early.descriptors) to \(most.descriptors) descriptors")
    }
}
