internal import TokenCore

/// Checks the numbers of one part of `config.json`.
struct ConfigurationReading {
    /// What errors call the part.
    let name: String

    /// A number that must be above 0, or what the class sets where the file leaves it out.
    func positive(
        _ value: Int?, _ standard: Int, _ key: String, to limit: Int = 1 << 20
    ) throws(TokenReelError) -> Int {
        let value = value ?? standard
        guard 1...limit ~= value else { throw unsupported("\(key) \(value)", "1 to \(limit)") }
        return value
    }

    /// Says what the part holds that can't be computed.
    func unsupported(_ found: String, _ allowed: String) -> TokenReelError {
        TokenReelError(.unsupportedInput, subject: name, found: found, allowed: allowed)
    }
}
