/// The order in which output tokens are written.
public enum TokenOrder: String, Sendable, CaseIterable {
    /// By time, then row, then column: as the LLM reads them.
    case reading
    /// Any prefix is a summary, and a longer one a better summary; see ``PrefixOrder``.
    case prefix
}
