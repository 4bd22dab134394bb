import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReduction
import TokenReel
import VideoDecoding

@Suite struct SequencePageTests {
    private static let clip = SharedFiles.package.appending(path: "Samples/clip.mp4").path
    private let scratch: ScratchFolder
    private let input: OpenInput

    init() throws {
        scratch = try ScratchFolder()
        input = try OpenInput(.file(Self.clip))
    }

    private func file(_ method: String = "tokenreel", query: Query? = nil) throws -> TokenSequenceFile {
        var pipeline = try Pipeline()
        pipeline.method = method
        pipeline.decodeOptions.sampling = .rate(2)
        pipeline.request.budget = .ratio(0.1)
        pipeline.request.query = query
        let reduced = try pipeline.reduce(input)
        try reduced.sequence.write(to: scratch.path("a"), metadata: reduced.metadata)
        return try TokenSequenceFile(path: scratch.path("a"))
    }

    @Test func statesFollowFromThePlan() throws {
        let merged = try file().sequence
        let states = merged.patchStates
        for (patch, owner) in merged.plan.owners.enumerated() {
            #expect((states[patch] == .dropped) == (owner < 0))
            if owner >= 0 { #expect((states[patch] == .merged) == (merged.plan.entries(of: Int(owner)).count > 1)) }
        }
        let pruned = try file("evs").sequence.patchStates
        #expect(pruned.count { $0 == .kept } == 470 && pruned.count { $0 == .merged } == 0)
    }

    @Test func pageCarriesWhatTheFileHolds() throws {
        let file = try file(query: Query(vectors: (0..<80).map { Float($0 % 7) }, channels: 80))
        let sequence = file.sequence
        let pictures = try SourcePictures(of: file, in: input)
        #expect(pictures.notices.isEmpty)
        let page = try PageData(
            file.page(title: "a < b", frames: file.frames(atMost: 100), pictures: pictures, edge: 160))
        #expect(page.isSelfContained)
        let frames = try #require(page.object["frames"] as? [[String: Any]])
        #expect(frames.count == 24)
        #expect(frames.flatMap { $0["owners"] as? [Int] ?? [] } == sequence.plan.owners.map(Int.init))
        #expect(frames.flatMap { $0["codes"] as? [Int] ?? [] } == sequence.codes?.map(Int.init))
        #expect(frames.compactMap { $0["time"] as? Double } == sequence.frameTimes)
        let tokens = try #require(page.object["tokens"] as? [String: Any])
        #expect(tokens["anchors"] as? [Int] == sequence.plan.anchors.map(Int.init))
        #expect(tokens["sizes"] as? [Int] == sequence.plan.sizes.map { Int($0) })
        #expect((tokens["relevance"] as? [Double])?.count == sequence.count)
        #expect(page.object["segments"] as? [[Int]] == sequence.segments.map { [$0.start, $0.end] })
        let states = sequence.patchStates
        let counts = try #require(page.object["patches"] as? [String: Int])
        for state in PatchState.allCases { #expect(counts[state.rawValue] == states.count { $0 == state }) }
        // The picture of a frame is the one at its time.
        for place in [0, 11, 23] {
            let text = try #require(frames[place]["picture"] as? String)
            let bytes = try #require(Data(base64Encoded: String(text.dropFirst("data:image/jpeg;base64,".count))))
            let shown = try VideoDecoder.image(.memory(Array(bytes)))
            var options = DecodeOptions()
            options.sampling = .times([sequence.frameTimes[place]])
            options.size = .within(edge: 160)
            let expected = try #require(try VideoDecoder(.file(Self.clip), options: options).next())
            #expect(shown.width == 160 && shown.height == 90)
            let error = zip(shown.pixels, expected.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
            #expect(Double(error) / Double(shown.pixels.count) < 8)
        }
        // Neighbours in the order are told apart by colour, and the same token has the same colour everywhere.
        let colours = try #require(tokens["colours"] as? [String])
        #expect(zip(colours, colours.dropFirst()).allSatisfy { $0 != $1 } && Set(colours).count > 250)
        let again = try PageData(file.page(title: "", frames: [3], pictures: nil))
        #expect((again.object["tokens"] as? [String: Any])?["colours"] as? [String] == colours)
    }

    @Test func cellsAreBlankWithoutAVideoAndFramesCanBeFewer() throws {
        let file = try file()
        #expect(file.frames(atMost: 3) == [4, 12, 20] && file.frames(atMost: 99).count == 24)
        let page = try PageData(file.page(title: "t", frames: file.frames(atMost: 3), pictures: nil))
        let frames = try #require(page.object["frames"] as? [[String: Any]])
        #expect(frames.map { $0["index"] as? Int } == [4, 12, 20])
        #expect(frames.allSatisfy { $0["picture"] is NSNull })
        #expect((page.object["notices"] as? [String])?.first?.hasPrefix("3 of 24 frames") == true)
    }

    @Test func anotherVideoIsNoticed() throws {
        let file = try file()
        var bytes = try Data(contentsOf: URL(filePath: Self.clip))
        bytes.append(0)
        try bytes.write(to: scratch.url.appending(path: "other.mp4"))
        let other = try OpenInput(.file(scratch.path("other.mp4")))
        let notices = try SourcePictures(of: file, in: other).notices
        #expect(notices.count == 1 && notices[0].contains("SHA-256"))
        let grid = try OpenInput(.file(gridPath()))
        #expect(throws: TokenReelError.self) { try SourcePictures(of: file, in: grid) }
    }

    private func gridPath() throws -> String {
        let grid = try TokenGrid(
            shape: GridShape(frames: 1, rows: 1, columns: 1, channels: 1), values: TensorBuffer([1]), frameTimes: [0])
        try grid.write(to: scratch.path("grid"))
        return scratch.path("grid")
    }

    @Test func droppedPatchesAreDarkAndKeptOnesAreThePicture() throws {
        let file = try file("evs")
        let all = file.sequence.patchStates
        let frame = try #require((1..<24).first { Set(all[$0 * 196..<($0 + 1) * 196]).count == 2 })
        let states = all[frame * 196..<(frame + 1) * 196]
        let pictures = try SourcePictures(of: file, in: input)
        let sheet = try file.contactSheet(of: [frame], on: pictures, edge: 280)
        var options = DecodeOptions()
        options.sampling = .times([file.sequence.frameTimes[frame]])
        options.size = .within(edge: 280)
        let picture = try #require(try VideoDecoder(.file(Self.clip), options: options).next())
        for (cell, state) in states.enumerated() {
            let (row, column) = (cell / 14 * picture.height / 14 + 6, cell % 14 * 20 + 10)
            let source = picture.pixels[3 * (row * 280 + column)]
            let drawn = sheet.pixels[3 * ((row + 12) * sheet.width + column + 6)]
            if state == .kept { #expect(drawn == source) } else { #expect(abs(Int(drawn) - Int(source) / 5) <= 2) }
        }
        let blank = try file.contactSheet(of: file.frames(atMost: 24), on: nil, edge: 100)
        #expect(blank.width <= 1920 && blank.height > 100)
    }

    @Test func whatTheModelDidNotSeeIsGrey() throws {
        let whole = try file("evs")
        var metadata = whole.metadata
        metadata["centre_square"] = "1.0"
        try whole.sequence.write(to: scratch.path("cut"), metadata: metadata)
        let file = try TokenSequenceFile(path: scratch.path("cut"))
        // The clip is 16 to 9: 280 x 158 pixels, of which the middle 158 columns are seen. Frame 0 is kept whole.
        let drawn = try file.contactSheet(of: [0], on: SourcePictures(of: file, in: input), edge: 280)
        let plain = try whole.contactSheet(of: [0], on: SourcePictures(of: whole, in: input), edge: 280)
        for column in [10, 50, 230, 270] {
            let place = 3 * ((12 + 85) * plain.width + 6 + column)
            let expected = Double(plain.pixels[place]) * 0.28 + 128 * 0.72
            #expect(abs(Double(drawn.pixels[place]) - expected) < 3, "column \(column)")
        }
    }

    @Test func overlayHasEveryPictureOfTheVideo() throws {
        let file = try file()
        try file.writeOverlay(on: SourcePictures(of: file, in: input), to: scratch.path("o.mp4"), edge: 160)
        var options = DecodeOptions()
        options.sampling = .all
        func count(_ path: String) throws -> Int {
            let decoder = try VideoDecoder(.file(path), options: options)
            var count = 0
            while try decoder.next() != nil { count += 1 }
            return count
        }
        let (drawn, all) = (try count(scratch.path("o.mp4")), try count(Self.clip))
        #expect(abs(drawn - all) <= 1 && drawn > 100)
    }
}
