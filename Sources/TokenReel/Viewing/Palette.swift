/// Colours of tokens, codes and relevance: the same in pages, pictures and videos.
enum Palette {
    /// Red, green and blue, 0…255.
    struct Colour: Equatable {
        let red: UInt8
        let green: UInt8
        let blue: UInt8

        init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) { (self.red, self.green, self.blue) = (red, green, blue) }

        /// `#rrggbb`.
        var hex: String {
            "#"
                + [red, green, blue].map { part in
                    (part < 16 ? "0" : "") + String(part, radix: 16)
                }.joined()
        }

        /// The colour `share` of the way to another.
        func mixed(_ share: Double, with other: Colour) -> Colour {
            func mix(_ a: UInt8, _ b: UInt8) -> UInt8 { UInt8((Double(a) + share * (Double(b) - Double(a))).rounded()) }
            return Colour(mix(red, other.red), mix(green, other.green), mix(blue, other.blue))
        }
    }

    /// The colour of a token or code, by its number alone.
    ///
    /// Hues step by the golden angle, so that neighbours in the order differ most; three lightnesses tell apart what
    /// hue does not for colour-blind readers.
    static func category(_ number: Int) -> Colour {
        let turns = Double(number) * 0.381966011250105
        return fromHSL(
            hue: turns - turns.rounded(.down), saturation: 0.72, lightness: [0.58, 0.44, 0.72][number % 3])
    }

    /// The colour of a value in 0…1, dark blue to yellow; readable without colour vision (after cividis).
    static func heat(_ value: Double) -> Colour {
        let stops = [
            Colour(0, 34, 78), Colour(53, 69, 108), Colour(102, 105, 112), Colour(148, 142, 119),
            Colour(200, 184, 102), Colour(254, 232, 56),
        ]
        let place = min(max(value, 0), 1) * Double(stops.count - 1)
        let index = min(Int(place), stops.count - 2)
        return stops[index].mixed(place - Double(index), with: stops[index + 1])
    }

    private static func fromHSL(hue: Double, saturation: Double, lightness: Double) -> Colour {
        let reach = saturation * min(lightness, 1 - lightness)
        func part(_ offset: Double) -> UInt8 {
            let place = (offset + hue * 12).truncatingRemainder(dividingBy: 12)
            return UInt8((255 * (lightness - reach * max(-1, min(place - 3, 9 - place, 1)))).rounded())
        }
        return Colour(part(0), part(8), part(4))
    }
}
