import Foundation
import Testing
import TokenCore
import VisionEncoding

@Suite struct ImageQueryTests {
    private func vectors(_ query: Query) -> [ArraySlice<Float>] {
        (0..<query.count).map { query.vectors[$0 * query.channels..<($0 + 1) * query.channels] }
    }

    @Test func vectorsAreDistinctUnitTokens() throws {
        let encoder = try DescriptorEncoder()
        let query = try encoder.query(from: picture(101, 67, scene))
        #expect(query.channels == encoder.channels)
        #expect(2...10 ~= query.count)
        let all = vectors(query)
        for (i, a) in all.enumerated() {
            for (j, b) in all.enumerated() {
                let cosine = zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
                #expect(i == j ? abs(cosine - 1) < 1e-5 : cosine < 0.951)
            }
        }
    }

    @Test func flatExemplarIsOneVector() throws {
        let query = try DescriptorEncoder().query(from: picture(40, 30) { _, _ in (200, 30, 30) })
        #expect(query.count == 1)
    }

    @Test(arguments: [(1, 1), (1, 300), (300, 1), (17, 16)]) func oddSizesGiveFiniteVectors(width: Int, height: Int)
        throws
    {
        let query = try DescriptorEncoder().query(from: picture(width, height, scene))
        #expect(query.vectors.allSatisfy { $0.isFinite })
    }

    @Test func emptyPictureIsRefused() throws {
        let empty = try picture(0, 0, scene)
        #expect { try DescriptorEncoder().query(from: empty) } throws: {
            ($0 as? TokenReelError)?.code == .invalidArgument
        }
    }

    @Test func exemplarFindsItsThingAmongOthers() throws {
        // A red ring with a white core on a green field, a brown square to tell apart; the exemplar is larger than the thing.
        func thing(_ x: Int, _ y: Int, centre: (Int, Int), radius: Float) -> Colour? {
            let distance = hypotf(Float(x - centre.0), Float(y - centre.1))
            return distance > radius ? nil : distance > radius * 0.5 ? (210, 30, 40) : (240, 240, 235)
        }
        func field(_ x: Int, _ y: Int) -> Colour { (60 + 20 * sinf(Float(x * y) * 0.3), 130, 50) }
        let exemplar = try picture(90, 90) { x, y in thing(x, y, centre: (45, 45), radius: 44) ?? field(x, y) }
        let query = try DescriptorEncoder().query(from: exemplar)
        let frame = try encode(
            picture { x, y in
                if 30..<60 ~= x && 30..<60 ~= y { return (120, 70, 40) }
                return thing(x, y, centre: (160, 128), radius: 32) ?? field(x, y)
            })
        let relevance = frame.saliency.indices.map { cell in
            vectors(query).map { zip($0, frame.token(cell)).reduce(0) { $0 + $1.0 * $1.1 } }.max() ?? -1
        }
        // The ring spans rows 6…9 and columns 8…11; its corner cells are mostly field.
        let best = relevance.indices.sorted { relevance[$0] > relevance[$1] }.prefix(12)
        let hits = best.filter { 6...9 ~= $0 / 14 && 8...11 ~= $0 % 14 }
        #expect(hits.count >= 11)
    }
}
