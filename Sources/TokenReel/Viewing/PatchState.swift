internal import TokenCore

/// What became of one source token.
public enum PatchState: String, Sendable, CaseIterable {
    /// It is a token of its own.
    case kept
    /// It shares a token with others.
    case merged
    /// No token stands for it.
    case dropped
}

extension TokenSequence {
    /// `[frames, rows, columns]`: what became of each source token.
    public var patchStates: [PatchState] {
        plan.owners.map { owner in
            owner < 0 ? .dropped : plan.entries(of: Int(owner)).count > 1 ? .merged : .kept
        }
    }
}
