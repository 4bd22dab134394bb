import Foundation
import TestSupport
import TokenCore
import VideoDecoding

/// Clips made on the spot and what FFmpeg's own commands say about clips.
enum Clips {
    static let folder: URL = {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tokenreel-clips-\(getpid())")
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // Swift Testing has no hook at the end of a run.
        atexit { try? FileManager.default.removeItem(at: Clips.folder) }
        return folder
    }()

    /// Runs a command and returns what it printed.
    @discardableResult
    static func run(_ arguments: String...) throws -> Data { try run(arguments) }

    @discardableResult
    static func run(_ arguments: [String]) throws -> Data {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw TokenReelError(.inputOutput, subject: arguments.joined(separator: " "), found: "a failure")
        }
        return data
    }

    /// Makes a clip with `ffmpeg`; the arguments come before the name.
    static func make(_ name: String, _ arguments: String...) throws -> String { try make(name, arguments) }

    static func make(_ name: String, _ arguments: [String]) throws -> String {
        // Tests that share a clip may make it at the same time, so it takes its name only when it is whole.
        let workshop = folder.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: workshop, withIntermediateDirectories: true)
        let draft = workshop.appending(path: name).path
        try run(["ffmpeg", "-v", "error", "-y"] + arguments + [draft])
        let path = folder.appending(path: name).path
        guard rename(draft, path) == 0 else {
            throw TokenReelError(.inputOutput, subject: path, found: "can't be renamed")
        }
        return path
    }

    /// Writes a file.
    static func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        let file = folder.appending(path: name)
        try Data(bytes).write(to: file)
        return file.path
    }

    /// Display times of the packets of a clip's first video stream, in ticks.
    static func packetTimes(_ path: String) throws -> [Int64] {
        let data = try run(
            "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts", "-of", "csv=p=0", path)
        return String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)
            .compactMap { Int64($0.prefix { $0 == "-" || $0.isNumber }) }.sorted()
    }

    /// The first frames of a clip as `ffmpeg` decodes them, stored orientation, full-range RGB.
    static func pixels(_ path: String, frames: Int, filter: String) throws -> [UInt8] {
        [UInt8](
            try run(
                "ffmpeg", "-v", "error", "-noautorotate", "-i", path, "-map", "0:v:0", "-vsync", "passthrough",
                "-frames:v", "\(frames)", "-vf", filter, "-pix_fmt", "rgb24", "-f", "rawvideo", "-"))
    }
}

/// Everything a decoder returns.
struct Decoded {
    var frames: [VideoFrame] = []
    let info: VideoInfo
    let expected: Int?
    let statistics: DecodeStatistics

    init(_ source: VideoSource, _ sampling: FrameSampling, _ change: (inout DecodeOptions) -> Void = { _ in }) throws {
        var options = DecodeOptions()
        options.sampling = sampling
        change(&options)
        let decoder = try VideoDecoder(source, options: options)
        while let frame = try decoder.next() { frames.append(frame) }
        (info, expected, statistics) = (decoder.info, decoder.expectedFrames, decoder.statistics)
    }

    var ticks: [Int64] { frames.map(\.pts.ticks) }

    func matches(_ other: Decoded) -> Bool {
        ticks == other.ticks
            && zip(frames, other.frames).allSatisfy {
                $0.width == $1.width && $0.height == $1.height && $0.pixels == $1.pixels
            }
    }
}
