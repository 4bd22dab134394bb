import Foundation
import TestSupport
import TokenReel

/// The lines of JSON that a stream has told.
struct StreamRecords {
    let all: [[String: Any]]

    init(_ text: String) throws {
        all = try text.split(separator: "\n").map { line in
            guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
                throw CocoaError(.coderReadCorrupt)
            }
            return object
        }
    }

    var types: [String] { all.compactMap { $0["type"] as? String } }
    func of(_ type: String) -> [[String: Any]] { all.filter { $0["type"] as? String == type } }
    var segments: [[String: Any]] { of("segment") }
    /// First and end frames of the segments.
    var frames: [[Int]] { segments.compactMap { $0["frames"] as? [Int] } }
}

/// A folder of segments as another program sees it.
struct SegmentListing {
    let path: String
    let index: [[String: Any]]
    let files: [String]

    init(_ path: String) throws {
        self.path = path
        index = try StreamRecords(String(contentsOfFile: path + "/index.jsonl", encoding: .utf8)).segments
        files = try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasPrefix("segment-") }.sorted()
    }

    var ids: [Int] { index.compactMap { $0["id"] as? Int } }

    /// Whether the index names the files there are, in the order of their ids, with their sizes and counts.
    var isConsistent: Bool {
        guard index.compactMap({ $0["file"] as? String }) == files, zip(ids, ids.dropFirst()).allSatisfy(<) else {
            return false
        }
        return zip(index, files).allSatisfy { record, name in
            guard let file = try? TokenSequenceFile(path: "\(path)/\(name)"),
                let size = try? FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")[.size] as? Int
            else { return false }
            return record["bytes"] as? Int == size && record["tokens_out"] as? Int == file.sequence.count
        }
    }
}

/// An endless stream of a clip, as MPEG-TS through a pipe.
final class EndlessClip {
    let pipe = Pipe()
    private let process = Process()

    /// - Parameter speed: How many times its own speed it is sent at; without one as fast as it is read.
    init(_ clip: String = CommandRun.clip, speed: Int? = nil) throws {
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments =
            ["ffmpeg", "-v", "quiet"] + (speed.map { ["-readrate", "\($0)"] } ?? [])
            + ["-stream_loop", "-1", "-i", clip, "-c", "copy", "-f", "mpegts", "-"]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        // Once this process has none, the end of its reader ends the sender.
        try pipe.fileHandleForWriting.close()
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
