import Testing
import TokenReel

@Suite struct InputSourceTests {
    @Test(arguments: [
        ("-", InputSource.standardInput), ("clip.mp4", .file("clip.mp4")), ("a:b.mp4", .file("a:b.mp4")),
        ("concat:a|b", .file("concat:a|b")), ("https://host/clip.mp4", .url("https://host/clip.mp4")),
        ("rtsp://host/1", .url("rtsp://host/1")), ("./https://x", .file("./https://x")), ("C://x", .file("C://x")),
        ("", .file("")),
    ])
    func argumentsAreUnderstood(argument: String, expected: InputSource) {
        #expect(InputSource(argument: argument) == expected)
    }

    @Test(arguments: [
        ("/a/b/clip.mp4", "clip.mp4"), ("clip.mp4", "clip.mp4"), ("-", "-"),
        ("rtsp://user:secret@host:554/live", "rtsp://host:554/live"),
        ("https://user:p@ss@host/x@y", "https://host/x@y"), ("https://host/x@y", "https://host/x@y"),
    ])
    func namesHoldNoFoldersAndNoSecrets(argument: String, expected: String) {
        #expect(InputSource(argument: argument).name == expected)
    }
}
