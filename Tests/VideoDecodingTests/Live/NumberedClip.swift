import Foundation
import TokenCore
import VideoDecoding

/// Clips whose pictures show their own number, in eight black or white bars.
enum NumberedClip {
    /// Four seconds at 25 frames a second.
    static let count = 100
    static let interval = 0.04

    /// Makes a clip; the encoder's arguments come before the name.
    static func make(_ name: String, _ arguments: String...) throws -> String {
        try Clips.make(
            name,
            ["-f", "lavfi", "-i", "color=black:s=128x64:r=25:d=4,format=gray"]
                + ["-vf", "geq=lum='255*mod(floor(N/pow(2,floor(X/16))),2)',format=yuv420p"] + arguments)
    }

    /// The number that a picture shows.
    static func number(_ frame: VideoFrame) -> Int {
        (0..<8).reduce(0) { number, bit in
            let pixel = frame.pixels[(frame.height / 2 * frame.width + (2 * bit + 1) * frame.width / 16) * 3]
            return number | (pixel > 127 ? 1 << bit : 0)
        }
    }
}

/// A transport stream whose timestamps can be changed where they lie.
struct TransportStream {
    var bytes: [UInt8]

    init(_ path: String) throws { bytes = [UInt8](try Data(contentsOf: URL(filePath: path))) }

    /// The timestamps of one picture on the 33-bit clock of 90 kHz; nil where there are none.
    struct Stamps {
        var pts: Int64?
        var dts: Int64?

        /// Moves both.
        mutating func shift(_ ticks: Int64) {
            pts = pts.map { $0 + ticks }
            dts = dts.map { $0 + ticks }
        }
    }

    /// Lets `change` rewrite the timestamps of every picture, in stored order; its number is that of display order.
    mutating func restamp(_ change: (_ number: Int, inout Stamps) -> Void) {
        let places = stride(from: 0, to: bytes.count - 187, by: 188).compactMap { packet -> Int? in
            let payload = packet + 4 + (bytes[packet + 3] & 0x20 != 0 ? 1 + Int(bytes[packet + 4]) : 0)
            let starts = bytes[packet + 1] & 0x40 != 0 && payload + 19 < packet + 188
            return starts && bytes[payload..<payload + 3] == [0, 0, 1] && bytes[payload + 3] & 0xf0 == 0xe0
                ? payload : nil
        }
        let originals = places.map(read)
        let first = originals.compactMap(\.pts).min() ?? 0
        for (place, original) in zip(places, originals) {
            var stamps = original
            change(Int(((original.pts ?? 0) - first + 1800) / 3600), &stamps)
            write(stamps, original, place)
        }
    }

    private func read(_ place: Int) -> Stamps {
        func value(_ at: Int) -> Int64 {
            let part = bytes[at..<at + 5].map { Int64($0) }
            return (part[0] >> 1 & 7) << 30 | part[1] << 22 | (part[2] >> 1) << 15 | part[3] << 7 | part[4] >> 1
        }
        let flags = bytes[place + 7] >> 6
        return Stamps(pts: flags >= 2 ? value(place + 9) : nil, dts: flags == 3 ? value(place + 14) : nil)
    }

    private mutating func write(_ stamps: Stamps, _ original: Stamps, _ place: Int) {
        func store(_ value: Int64, _ mark: UInt8, _ at: Int) {
            bytes[at] = mark << 4 | UInt8(value >> 30 & 7) << 1 | 1
            bytes[at + 1] = UInt8(value >> 22 & 0xff)
            bytes[at + 2] = UInt8(value >> 15 & 0x7f) << 1 | 1
            bytes[at + 3] = UInt8(value >> 7 & 0xff)
            bytes[at + 4] = UInt8(value & 0x7f) << 1 | 1
        }
        let flags: UInt8 = stamps.pts == nil ? 0 : stamps.dts == nil || original.dts == nil ? 2 : 3
        bytes[place + 7] = bytes[place + 7] & 0x3f | flags << 6
        let mask: Int64 = (1 << 33) - 1
        if let pts = stamps.pts { store(pts & mask, flags, place + 9) }
        if let dts = stamps.dts, flags == 3 { store(dts & mask, 1, place + 14) }
    }
}
