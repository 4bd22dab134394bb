internal import COpenBLAS

/// The library that multiplies matrices.
public enum MathLibrary {
    /// Its name, version and the processor kernel it chose, such as `OpenBLAS 0.3.21 … SkylakeX …`.
    public static var version: String {
        String(cString: openblas_get_config()) + " " + String(cString: openblas_get_corename())
    }
}
