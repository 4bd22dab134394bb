/// The version of this package, as written into files and reports.
public enum ProductVersion {
    /// Semantic version.
    public static let current = "0.1.0"
}
