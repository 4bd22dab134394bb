/// Unicode's normalisation form C: letters and their marks as one character where there is one.
///
/// The standard library has the properties but not the mappings, and Foundation would weigh more than this.
enum CanonicalComposition {
    /// Text in which equal characters are equal scalars.
    static func composed(_ text: Substring.UnicodeScalarView) -> [Unicode.Scalar] {
        let scalars = Array(text)
        // Below U+0300 there are no marks, and everything is composed.
        if scalars.allSatisfy({ $0.value < 0x300 }) { return scalars }
        var parts: [Unicode.Scalar] = []
        for scalar in scalars { decompose(scalar, into: &parts) }
        order(&parts)
        return compose(parts)
    }

    private static func combiningClass(_ scalar: Unicode.Scalar) -> UInt8 {
        scalar.properties.canonicalCombiningClass.rawValue
    }

    private static func decompose(_ scalar: Unicode.Scalar, into parts: inout [Unicode.Scalar]) {
        if let syllable = Hangul.parts(of: scalar) {
            parts += syllable
        } else if let pair = mappings.decompositions[scalar] {
            for part in pair { decompose(part, into: &parts) }
        } else {
            parts.append(scalar)
        }
    }

    /// Sorts each run of marks by class, keeping the order of equal classes.
    private static func order(_ parts: inout [Unicode.Scalar]) {
        var start = 0
        while start < parts.count {
            guard combiningClass(parts[start]) != 0 else {
                start += 1
                continue
            }
            let end = parts[start...].firstIndex { combiningClass($0) == 0 } ?? parts.count
            let run = parts[start..<end].enumerated().sorted {
                (combiningClass($0.element), $0.offset) < (combiningClass($1.element), $1.offset)
            }
            parts.replaceSubrange(start..<end, with: run.map(\.element))
            start = end
        }
    }

    private static func compose(_ parts: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        var starter: Int?
        // The class of the last mark that stayed after the starter; a mark behind one of its own class is cut off.
        var lastClass: UInt8 = 0
        for scalar in parts {
            let mark = combiningClass(scalar)
            if let place = starter, result.count == place + 1 || (lastClass != 0 && lastClass < mark),
                let joined = joined(result[place], scalar)
            {
                result[place] = joined
                continue
            }
            if mark == 0 { starter = result.count }
            lastClass = mark
            result.append(scalar)
        }
        return result
    }

    private static func joined(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
        Hangul.joined(first, second) ?? mappings.compositions[UInt64(first.value) << 32 | UInt64(second.value)]
    }

    private static let mappings: Mappings = Mappings(CanonicalDecompositions.table)

    private struct Mappings: Sendable {
        var decompositions: [Unicode.Scalar: [Unicode.Scalar]] = [:]
        var compositions: [UInt64: Unicode.Scalar] = [:]

        /// Reads entries `from=to+to`, or `from>to+to` for those that are never composed again, in hexadecimal.
        init(_ table: String) {
            for entry in table.split(whereSeparator: \.isWhitespace) {
                let sides = entry.split(whereSeparator: { "=>".contains($0) })
                let scalars = sides.map { side in
                    side.split(separator: "+").compactMap { UInt32($0, radix: 16).flatMap(Unicode.Scalar.init) }
                }
                guard scalars.count == 2, let from = scalars[0].first else { continue }
                decompositions[from] = scalars[1]
                if entry.contains("="), scalars[1].count == 2 {
                    compositions[UInt64(scalars[1][0].value) << 32 | UInt64(scalars[1][1].value)] = from
                }
            }
        }
    }
}

/// Korean syllables, which follow a formula instead of a table.
private enum Hangul {
    private static let syllables: UInt32 = 0xAC00
    private static let leads: UInt32 = 0x1100
    private static let vowels: UInt32 = 0x1161
    private static let tails: UInt32 = 0x11A7

    static func parts(of scalar: Unicode.Scalar) -> [Unicode.Scalar]? {
        guard (syllables..<syllables + 19 * 21 * 28).contains(scalar.value) else { return nil }
        let index = scalar.value - syllables
        let parts = [leads + index / (21 * 28), vowels + index % (21 * 28) / 28, tails + index % 28]
        return parts.prefix(index % 28 == 0 ? 2 : 3).compactMap(Unicode.Scalar.init)
    }

    static func joined(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
        if (leads..<leads + 19).contains(first.value), (vowels..<vowels + 21).contains(second.value) {
            return Unicode.Scalar(syllables + ((first.value - leads) * 21 + second.value - vowels) * 28)
        }
        let isOpen = (syllables..<syllables + 19 * 21 * 28).contains(first.value) && (first.value - syllables) % 28 == 0
        if isOpen, (tails + 1..<tails + 28).contains(second.value) {
            return Unicode.Scalar(first.value + second.value - tails)
        }
        return nil
    }
}
