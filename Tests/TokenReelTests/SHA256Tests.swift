import Testing
import TokenReel

@Suite struct SHA256Tests {
    private func digest(_ bytes: [UInt8], step: Int = .max) -> String {
        var digest = SHA256()
        var start = 0
        while start < bytes.count {
            let end = step >= bytes.count - start ? bytes.count : start + step
            bytes[start..<end].withUnsafeBytes { digest.update($0) }
            start = end
        }
        return digest.finish()
    }

    /// The examples of FIPS 180-4 and the lengths around the padding's edge, from coreutils' sha256sum.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (String(repeating: "a", count: 55), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
        (String(repeating: "a", count: 64), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
        (String(repeating: "a", count: 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ])
    func knownDigests(text: String, expected: String) {
        #expect(digest(Array(text.utf8)) == expected)
    }

    @Test func piecesDoNotMatter() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let whole = digest(bytes)
        for step in [1, 3, 55, 63, 64, 65, 127, 500] { #expect(digest(bytes, step: step) == whole, "\(step)") }
    }

    @Test func everyLengthHasItsOwnDigest() {
        let digests = (0..<200).map { digest([UInt8](repeating: 0, count: $0)) }
        #expect(Set(digests).count == digests.count)
        #expect(digests.allSatisfy { $0.count == 64 })
    }
}
