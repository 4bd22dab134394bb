import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReduction
import TokenReel
import VideoDecoding

@Suite struct SegmentFolderTests {
    static let gap = LiveGap(reason: .stall, detail: "no frame for 10 s", since: 3, attempt: 1)

    static func segment(_ id: Int, queries: [String] = []) throws -> CommittedSegment {
        let sequence = try SmallSequence.sequence()
        let frames = sequence.shape.frames
        return CommittedSegment(
            id: id, frames: id * frames..<(id + 1) * frames, sequence: sequence, metadata: ["recipe": "test"],
            queries: queries, arrivals: Array(repeating: .now, count: frames), closed: .now, stages: [])
    }

    static func index(_ scratch: ScratchFolder) throws -> [[String: Any]] {
        try String(decoding: scratch.bytes("index.jsonl"), as: UTF8.self).split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
    }

    static func files(_ scratch: ScratchFolder) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: scratch.url.path).sorted()
    }

    /// Whether the index names exactly the segments there are, in order, each whole and of the stated size and id.
    static func isConsistent(_ scratch: ScratchFolder) throws -> Bool {
        let listed = try index(scratch).filter { $0["type"] as? String == "segment" }
        let names = listed.compactMap { $0["file"] as? String }
        let ids = listed.compactMap { $0["id"] as? Int }
        guard try names == files(scratch).filter({ $0.hasPrefix("segment-") }), zip(ids, ids.dropFirst()).allSatisfy(<)
        else { return false }
        return try zip(listed, names).allSatisfy { record, name in
            let file = try TokenSequenceFile(path: scratch.path(name))
            let size = try scratch.bytes(name).count
            return record["bytes"] as? Int == size && record["tokens_out"] as? Int == file.sequence.count
        }
    }

    @Test func aSegmentIsAFileAndALine() throws {
        let scratch = try ScratchFolder()
        let folder = try SegmentFolder(scratch.path("new/tokens"))
        #expect(folder.repair.isNothing && folder.run == 0)
        let record = try folder.write(Self.segment(0, queries: ["dog"]))
        let text = try String(decoding: scratch.bytes("new/tokens/index.jsonl"), as: UTF8.self)
        #expect(text.hasPrefix("{\"type\":\"segment\",\"id\":0,\"run\":0,\"frames\":[0,") && text.hasSuffix("}\n"))
        #expect(text.contains("\"queries\":[\"dog\"],\"file\":\"segment-00000000.safetensors\""))
        let file = try TokenSequenceFile(path: scratch.path("new/tokens/segment-00000000.safetensors"))
        #expect(file.sequence.count == record.tokensOut && file.metadata["recipe"] == "test")
        #expect(abs(record.time - Date().timeIntervalSince1970) < 5)
        #expect(folder.byteCount == text.utf8.count + (record.bytes ?? 0))
    }

    @Test func anotherRunGoesOn() throws {
        let scratch = try ScratchFolder()
        do {
            let folder = try SegmentFolder(scratch.url.path)
            for id in 0..<3 { try folder.write(Self.segment(id)) }
            try folder.write(Self.gap)
        }
        let folder = try SegmentFolder(scratch.url.path)
        #expect(folder.repair.isNothing && folder.run == 1)
        #expect(try folder.write(Self.segment(0)).id == 3)
        let index = try Self.index(scratch)
        #expect(index.map { $0["type"] as? String } == ["segment", "segment", "segment", "gap", "segment"])
        #expect(index.last?["run"] as? Int == 1)
        #expect(try Self.isConsistent(scratch))
    }

    @Test func aFolderHasOneWriter() throws {
        let scratch = try ScratchFolder()
        let folder = try SegmentFolder(scratch.url.path)
        #expect { try SegmentFolder(scratch.url.path) } throws: { error in
            (error as? TokenReelError)?.found == "another process writes its stream to this folder"
        }
        try folder.write(Self.segment(0))
    }

    @Test func whatACrashLeavesIsRepaired() throws {
        let scratch = try ScratchFolder()
        do {
            let folder = try SegmentFolder(scratch.url.path)
            for id in 0..<6 {
                if id == 3 { try folder.write(Self.gap) }
                try folder.write(Self.segment(id))
            }
        }
        let lines = try String(decoding: scratch.bytes("index.jsonl"), as: UTF8.self).split(separator: "\n")
        // Number 1 is gone, 4 cut short, 5 never listed, a line torn, and a file unfinished.
        try FileManager.default.removeItem(atPath: scratch.path("segment-00000001.safetensors"))
        let short = try scratch.bytes("segment-00000004.safetensors").dropLast(7)
        try short.write(to: scratch.url.appending(path: "segment-00000004.safetensors"))
        let torn = lines[..<6].joined(separator: "\n") + "\n" + lines[6].prefix(40)
        try Data(torn.utf8).write(to: scratch.url.appending(path: "index.jsonl"))
        try Data("x".utf8).write(to: scratch.url.appending(path: ".tokenreel-1-2.tmp"))
        try Data("mine".utf8).write(to: scratch.url.appending(path: "notes.txt"))

        let folder = try SegmentFolder(scratch.url.path)
        #expect(folder.repair.listed == 1 && folder.repair.unlisted == 2 && folder.repair.removed == 2)
        #expect(try Self.isConsistent(scratch))
        let index = try Self.index(scratch)
        #expect(index.compactMap { $0["id"] as? Int } == [0, 2, 3, 5])
        #expect(index.map { $0["type"] as? String } == ["segment", "segment", "gap", "segment", "segment"])
        #expect(try Self.files(scratch).contains("notes.txt") && !Self.files(scratch).contains(".tokenreel-1-2.tmp"))
        // The line made from the file is the one that was torn.
        let remade = try String(decoding: scratch.bytes("index.jsonl"), as: UTF8.self).split(separator: "\n").last
        #expect(remade == lines[6])
        #expect(try folder.write(Self.segment(0)).id == 6)
        #expect(try Self.isConsistent(scratch))
    }

    @Test func anIndexIsMadeFromTheFilesAlone() throws {
        let scratch = try ScratchFolder()
        do {
            let folder = try SegmentFolder(scratch.url.path)
            for id in 0..<4 { try folder.write(Self.segment(id)) }
        }
        let before = try scratch.bytes("index.jsonl")
        try FileManager.default.removeItem(atPath: scratch.path("index.jsonl"))
        #expect(try SegmentFolder(scratch.url.path).repair.listed == 4)
        #expect(try scratch.bytes("index.jsonl") == before)
    }

    @Test func theOldestGoWhenTheDiskIsFull() throws {
        let scratch = try ScratchFolder()
        let unit = try SegmentFolder(scratch.path("probe")).write(Self.segment(0)).bytes ?? 0
        let limit = unit * 10
        let inner = try ScratchFolder()
        let folder = try SegmentFolder(inner.url.path, limit: limit)
        for id in 0..<40 {
            if id.isMultiple(of: 5) { try folder.write(Self.gap) }
            try folder.write(Self.segment(id))
            let sizes = try Self.files(inner).map { try inner.bytes($0).count }
            #expect(sizes.reduce(0, +) == folder.byteCount && folder.byteCount <= limit)
            #expect(try Self.isConsistent(inner))
        }
        let ids = try Self.index(inner).compactMap { $0["id"] as? Int }
        #expect(ids.count >= 7 && ids == Array(40 - ids.count..<40))
        // Gaps leave with the segment that they stand before.
        let gaps = try Self.index(inner).count { $0["type"] as? String == "gap" }
        #expect(1...2 ~= gaps)
    }

    @Test func theNewestStaysWhateverItsSize() throws {
        let scratch = try ScratchFolder()
        let folder = try SegmentFolder(scratch.url.path, limit: 10)
        for id in 0..<3 { try folder.write(Self.segment(id)) }
        #expect(try Self.index(scratch).compactMap { $0["id"] as? Int } == [2])
        #expect(try Self.isConsistent(scratch))
    }

    @Test func aSegmentThatCanNotBeWrittenLeavesNothing() throws {
        let scratch = try ScratchFolder()
        let folder = try SegmentFolder(scratch.url.path)
        try folder.write(Self.segment(0))
        // A folder in its place makes the next file impossible to name.
        let blocked = scratch.path("segment-00000001.safetensors")
        try FileManager.default.createDirectory(atPath: blocked, withIntermediateDirectories: false)
        #expect(throws: TokenReelError.self) { try folder.write(Self.segment(1)) }
        try FileManager.default.removeItem(atPath: blocked)
        #expect(try folder.write(Self.segment(2)).id == 1)
        #expect(try Self.isConsistent(scratch))
    }

    @Test func segmentsThroughAPipeHaveTheirLengthInFront() throws {
        let scratch = try ScratchFolder()
        let descriptor = open(scratch.path("pipe"), O_WRONLY | O_CREAT, 0o600)
        for id in 0..<3 { try Self.segment(id, queries: ["q\(id)"]).writeWithLength(to: descriptor, dtype: .f32) }
        close(descriptor)
        var rest = try scratch.bytes("pipe")[...]
        for id in 0..<3 {
            let length = Int(rest.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
            try Data(rest.dropFirst(8).prefix(length)).write(to: scratch.url.appending(path: "one"))
            let file = try TokenSequenceFile(path: scratch.path("one"))
            #expect(file.sequence.tokens.array == (try SmallSequence.sequence().tokens.array))
            #expect(file.metadata["segment_record"]?.contains("\"id\":\(id),") == true)
            rest = rest.dropFirst(8 + length)
        }
        #expect(rest.isEmpty)
    }
}
