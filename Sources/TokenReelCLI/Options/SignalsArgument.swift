internal import ArgumentParser
internal import TokenCore

/// `all`, or names of signals with commas between them.
struct SignalsArgument: ExpressibleByArgument {
    /// The signals that were named; nil for all there are.
    private let named: Set<Signal>?

    init?(argument: String) {
        guard argument != "all" else {
            named = nil
            return
        }
        let names = argument.split(separator: ",", omittingEmptySubsequences: false)
        let signals = names.compactMap { Signal(rawValue: String($0)) }
        guard signals.count == names.count, !signals.contains(.query) else { return nil }
        named = Set(signals)
    }

    /// What can be asked for, in the words of the help.
    static let names = Signal.allCases.filter { $0 != .query }.map(\.rawValue).joined(separator: ", ")

    /// The signals to ask for, all of them among those that can be had.
    func among(_ available: Set<Signal>) throws(TokenReelError) -> Set<Signal> {
        let signals = named ?? available
        guard signals.isSubset(of: available) else {
            let missing = signals.subtracting(available).map(\.rawValue).sorted().joined(separator: ", ")
            throw TokenReelError(
                .missingSignal, subject: "--signals", found: "\(missing), which this encoder does not give",
                allowed: available.map(\.rawValue).sorted().joined(separator: ", "),
                remedy: "name a checkpoint that has it with --model, or one for patch-embeddings with --query-model")
        }
        return signals
    }
}
