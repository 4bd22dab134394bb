import Safetensors
import Testing
import TokenCore
import VisionEncoding

@Suite struct TextTowerTests {
    private func tower(_ name: String) throws -> (TextTower, TowerFixture) {
        let fixture = try TowerFixture(name)
        return (try TextTower(try fixture.folder), fixture)
    }

    @Test(arguments: ["clip", "siglip"]) func embeddingsAreTheReferences(_ name: String) throws {
        let (tower, fixture) = try tower(name)
        let ids = try fixture.expected.integers("ids").map { Int32($0) }
        let count = try fixture.expected.entry("ids").shape[0]
        #expect(tower.contextLength == ids.count / count)
        for text in 0..<count {
            let found = try tower.embedding(
                of: Array(ids[text * tower.contextLength..<(text + 1) * tower.contextLength]))
            #expect(deviation(found, try fixture.values("text_embeddings", frame: text)) < 1e-5, "text \(text)")
        }
    }

    @Test func clipReadsItsFirstEndTokenSoPaddingChangesNothing() throws {
        let (tower, _) = try tower("clip")
        let short = try tower.embedding(of: [97, 5, 17, 98])
        let padded = try tower.embedding(of: [97, 5, 17, 98, 98, 98, 98])
        #expect(deviation(short, padded) < 1e-6)
    }

    @Test func textsThatCannotBeEmbeddedAreRefused() throws {
        let (tower, _) = try tower("clip")
        for ids: [Int32] in [[], [Int32](repeating: 98, count: 14), [97, 99], [-1, 98]] {
            let error = #expect(throws: TokenReelError.self) { try tower.embedding(of: ids) }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test(arguments: ["llava-onevision-f16", "clip-vision-bf16"]) func checkpointsWithoutATextTowerSaySo(
        _ name: String
    ) throws {
        let error = #expect(throws: TokenReelError.self) { try tower(name) }
        #expect(error?.found.contains("no text tower") == true)
    }
}
