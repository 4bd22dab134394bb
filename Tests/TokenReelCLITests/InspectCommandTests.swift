import Foundation
import TestSupport
import Testing

@Suite struct InspectCommandTests {
    private let scratch: ScratchFolder

    init() throws {
        scratch = try ScratchFolder()
        #expect(try run("reduce", CommandRun.clip, "--query-image", CommandRun.ball, "-o", "a", "-q").status == 0)
    }

    private func run(_ arguments: String...) throws -> CommandRun { try CommandRun.tokenreel(arguments, in: scratch) }

    @Test func writesPagePictureAndVideo() throws {
        let run = try run(
            "inspect", "a", "--source", CommandRun.clip, "--report", "a.html", "--map", "a.png", "--overlay", "a.mp4")
        #expect(run.status == 0 && run.errors.isEmpty)
        let page = try PageData(String(decoding: scratch.bytes("a.html"), as: UTF8.self))
        #expect((page.object["frames"] as? [Any])?.count == 12 && (page.object["notices"] as? [Any])?.isEmpty == true)
        #expect(try scratch.bytes("a.png").prefix(4) == Data([0x89, 0x50, 0x4E, 0x47]))
        #expect(try scratch.bytes("a.mp4").dropFirst(4).prefix(4) == Data("ftyp".utf8))
        #expect(Set(scratch.names) == ["a", "a.html", "a.mp4", "a.png"])
        // What is there is not replaced unasked.
        #expect(try self.run("inspect", "a", "--map", "a.png").status == 64)
        #expect(try self.run("inspect", "a", "--map", "a.png", "--overwrite").status == 0)
    }

    /// CLIP's image processor cuts out the middle square, SigLIP's squeezes the whole picture.
    @Test(arguments: [("clip", [0.21875, 0, 0.5625, 1]), ("siglip", [0, 0, 1, 1])])
    func patchesLieWhereTheModelSawThem(_ name: String, _ view: [Double]) throws {
        let folder = SharedFiles.package.appending(path: "Tests/VisionEncodingTests/Fixtures/towers/\(name)").path
        #expect(try run("reduce", CommandRun.clip, "--model", folder, "--frames", "3", "-o", "m", "-q").status == 0)
        #expect(try run("inspect", "m", "--source", CommandRun.clip, "--report", "m.html", "-q").status == 0)
        let page = try PageData(String(decoding: scratch.bytes("m.html"), as: UTF8.self))
        #expect(page.object["view"] as? [Double] == view)
    }

    @Test func saysWhenTheVideoIsAnother() throws {
        try (Data(contentsOf: URL(filePath: CommandRun.clip)) + [0]).write(to: scratch.url.appending(path: "b.mp4"))
        let run = try run("inspect", "a", "--source", "b.mp4", "--report", "a.html")
        #expect(run.status == 0 && run.errors.contains("SHA-256 differs"))
    }

    @Test func wrongWishesAreRefused() throws {
        #expect(try run("inspect", "a", "--overlay", "o.mp4").status == 64)
        #expect(try run("inspect", "a", "--source", CommandRun.clip).status == 64)
        #expect(try run("inspect", "a", "--report", "a").status == 64)
        #expect(try run("inspect", "a", "--map", "m.png", "--source", "missing.mp4").status == 3)
        #expect(try run("encode", CommandRun.clip, "-o", "grid", "-q").status == 0)
        #expect(try run("inspect", "grid", "--map", "m.png").status == 3)
        #expect(scratch.names == ["a", "grid"])
    }

    @Test func framesForHostedModels() throws {
        let run = try run("reduce", CommandRun.clip, "-o", "b", "--frames-out", "frames", "--max-frames-out", "4", "-q")
        #expect(run.status == 0)
        let manifest = try #require(
            try JSONSerialization.jsonObject(with: scratch.bytes("frames/manifest.json")) as? [String: Any])
        let frames = try #require(manifest["frames"] as? [[String: Any]])
        #expect(!frames.isEmpty && frames.count <= 4)
        let times = frames.compactMap { $0["time"] as? Double }
        #expect(times == times.sorted() && times.count == frames.count)
        #expect(Set(frames.compactMap { $0["rank"] as? Int }) == Set(1...frames.count))
        for frame in frames {
            let bytes = try scratch.bytes("frames/\(try #require(frame["file"] as? String))")
            #expect(bytes.prefix(3) == Data([0xFF, 0xD8, 0xFF]) && bytes.count == frame["bytes"] as? Int)
            #expect(frame["width"] as? Int == 640 && frame["height"] as? Int == 360)
        }
        // Several inputs get folders of their own, a grid has no pictures, and a limit needs a folder.
        try scratch.addClip("in/x/c.mp4")
        try scratch.addClip("in/c.mp4")
        #expect(try self.run("reduce", "in", "--out-dir", "out", "--frames-out", "many", "-q").status == 0)
        #expect(scratch.names.contains("many/c/manifest.json") && scratch.names.contains("many/x/c/manifest.json"))
        #expect(try self.run("encode", CommandRun.clip, "-o", "grid", "-q").status == 0)
        #expect(try self.run("reduce", "grid", "-o", "g", "--frames-out", "none").status == 3)
        #expect(try self.run("reduce", CommandRun.clip, "--max-frames-out", "3").status == 64)
    }
}

extension Browser {
    /// What the page looks like to a reader after its script ran.
    static func document(of page: URL, in scratch: ScratchFolder) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: try #require(path))
        process.arguments = [
            "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000", "--window-size=1200,900",
            "--user-data-dir=\(scratch.path("profile"))", "--dump-dom", page.absoluteString,
        ]
        try scratch.write("", to: "dom")
        process.standardOutput = try FileHandle(forWritingTo: scratch.url.appending(path: "dom"))
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return String(decoding: try scratch.bytes("dom"), as: UTF8.self)
    }
}

@Suite(.enabled(if: Browser.path != nil, "needs Chromium on the PATH to draw pages"), .serialized)
struct PageDrawingTests {
    @Test func tokensAreDrawnAndListed() throws {
        let scratch = try ScratchFolder()
        #expect(try CommandRun.tokenreel("reduce", CommandRun.clip, "-o", "a", "-q", in: scratch).status == 0)
        let run = try CommandRun.tokenreel(
            "inspect", "a", "--source", CommandRun.clip, "--report", "a.html", in: scratch)
        #expect(run.status == 0)
        let page = try Browser.document(of: scratch.url.appending(path: "a.html"), in: scratch)
        #expect(page.contains("frame 1 of 12, 0.00 s"))
        #expect(page.contains("2,352 → 235"))
        #expect(page.components(separatedBy: "aria-label=\"Segment ").count > 1)
        #expect(page.components(separatedBy: "<canvas aria-hidden").count == 12 + 1)
    }

    @Test func curvesAreDrawnForEveryMethod() throws {
        let scratch = try ScratchFolder()
        let run = try CommandRun.tokenreel(
            "compare", CommandRun.clip, "--keep", "0.1,0.2", "--report", "c.html", "-q", in: scratch)
        #expect(run.status == 0)
        let page = try Browser.document(of: scratch.url.appending(path: "c.html"), in: scratch)
        let data = try PageData(page).object
        let methods = Set((data["results"] as? [[String: Any]] ?? []).compactMap { $0["method"] as? String })
        #expect(methods.count >= 3)
        for method in methods { #expect(page.contains("data-method=\"\(method)\"")) }
        #expect(page.components(separatedBy: "<tr class=\"first\"").count == 2 + 1)
    }
}
