internal import COneDNN
internal import COpenBLAS

/// The libraries that multiply matrices.
public enum MathLibrary {
    /// Name, version and the processor kernel it chose, such as `OpenBLAS 0.3.21 … SkylakeX …`.
    public static var openBLAS: String {
        String(cString: openblas_get_config()) + " " + String(cString: openblas_get_corename())
    }

    /// Version and what it has kernels for; `none` on systems where towers run on OpenBLAS.
    public static var oneDNN: String {
        var version: [Int32] = [0, 0, 0]
        tr_onednn_version(&version)
        guard tr_packs(0) != 0 else { return "none" }
        return version.map(String.init).joined(separator: ".") + (tr_packs(1) != 0 ? " f32 bf16" : " f32")
    }
}
