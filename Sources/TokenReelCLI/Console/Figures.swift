/// Numbers as people read them.
enum Figures {
    /// A fixed number of digits after the point.
    static func fixed(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
        var scale = 1
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((abs(value) * Double(scale)).rounded())
        let fraction = String(scaled % scale)
        let point = digits > 0 ? "." + String(repeating: "0", count: digits - fraction.count) + fraction : ""
        return (value < 0 && scaled > 0 ? "-" : "") + "\(scaled / scale)" + point
    }

    /// Thousands set apart by commas.
    static func count(_ value: Int) -> String {
        var digits = String(value.magnitude)
        var groups: [String] = []
        while digits.count > 3 {
            groups.append(String(digits.suffix(3)))
            digits.removeLast(3)
        }
        groups.append(digits)
        return (value < 0 ? "-" : "") + groups.reversed().joined(separator: ",")
    }

    static func percent(_ share: Double) -> String { fixed(100 * share, share < 0.01 ? 2 : 1) + " %" }

    static func megabytes(_ bytes: Int) -> String {
        let value = Double(bytes) / 1e6
        return fixed(value, value < 10 ? 1 : 0) + " MB"
    }

    static func seconds(_ value: Double) -> String { fixed(value, value < 10 ? 2 : 1) + " s" }

    /// `45 s`, `3 min 20 s`, `2 h 5 min`.
    static func duration(_ seconds: Double) -> String {
        let whole = Int(min(max(seconds, 0), 1e9).rounded())
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole / 60 % 60) min"
    }
}
