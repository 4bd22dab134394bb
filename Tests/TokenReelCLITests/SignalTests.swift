import Foundation
import TestSupport
import Testing
import TokenReel

/// Serialised, because they time signals.
@Suite(.serialized) struct SignalTests {
    /// Enough work that a signal after a moment finds it unfinished.
    private let slow = ["reduce", CommandRun.clip, "--frames", "all", "--grid", "48x48", "-o", "out"]

    @Test(arguments: [(SIGINT, Int32(130)), (SIGTERM, Int32(143))])
    func signalsEndTheWorkAndLeaveNothing(signal: Int32, status: Int32) throws {
        let scratch = try ScratchFolder()
        try scratch.write("", to: "out")
        let running = try CommandRun.start(slow, in: scratch)
        Thread.sleep(forTimeInterval: 0.4)
        running.signal(signal)
        let start = ContinuousClock.now
        let run = try running.wait()
        #expect(run.status == status, "\(run.errors)")
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(scratch.names == ["out"])
        #expect(try scratch.bytes("out").isEmpty)
        #expect(run.text == "")
    }

    @Test func waitingForAPipeCanBeInterrupted() throws {
        let running = try CommandRun.start(["reduce", "-", "-o", "/dev/null"], keepsInputOpen: true)
        Thread.sleep(forTimeInterval: 0.3)
        running.signal(SIGINT)
        let run = try running.wait()
        #expect(run.status == 130)
        #expect(run.errors.contains("cancelled"))
    }

    /// Killed the moment its temporary file appears: the old file is untouched.
    @Test func aRunKilledWhileItWritesLeavesTheOldFile() throws {
        let scratch = try ScratchFolder()
        #expect(try CommandRun.tokenreel("reduce", CommandRun.clip, "-o", "out", in: scratch).status == 0)
        let old = try scratch.bytes("out")
        let running = try CommandRun.start(
            ["encode", CommandRun.clip, "--frames", "all", "--grid", "24x24", "-o", "out"], in: scratch)
        func isWriting() -> Bool { scratch.names.contains { $0.hasPrefix(".tokenreel-") } }
        while running.process.isRunning, !isWriting() { usleep(200) }
        running.signal(SIGKILL)
        #expect(try running.wait().status == -SIGKILL, "it ended before it could be killed")
        #expect(try scratch.bytes("out") == old)
        #expect(isWriting())
    }

    /// Killed at many moments of a run that replaces its output: what is there is whole.
    @Test func killedRunsLeaveTheOldFileOrTheNew() throws {
        let scratch = try ScratchFolder()
        let first = try CommandRun.tokenreel("reduce", CommandRun.clip, "--tokens", "7", "-o", "out", in: scratch)
        #expect(first.status == 0)
        for attempt in 1...10 {
            let count = "\(20 + attempt)"
            let running = try CommandRun.start(
                ["reduce", CommandRun.clip, "--tokens", count, "-o", "out"], in: scratch)
            Thread.sleep(forTimeInterval: 0.02 * Double(attempt))
            running.signal(SIGKILL)
            _ = try running.wait()
            let found = try TokenSequenceFile(path: scratch.path("out")).sequence.count
            #expect(found == 7 || 21...30 ~= found)
        }
    }

    @Test func readersMayStopReading() throws {
        let scratch = try ScratchFolder()
        let shell = Process()
        shell.executableURL = URL(filePath: "/bin/bash")
        let command = "'\(CommandRun.executable.path)' encode '\(CommandRun.clip)' --frames all -o -"
        shell.arguments = ["-c", "\(command) 2>err | head -c 100 > head; echo ${PIPESTATUS[0]} > status"]
        shell.currentDirectoryURL = scratch.url
        try shell.run()
        shell.waitUntilExit()
        #expect(try scratch.bytes("head").count == 100)
        #expect(try scratch.bytes("status") == Data("141\n".utf8))
        #expect(try scratch.bytes("err").isEmpty)
    }
}
