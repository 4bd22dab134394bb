internal import CLibrary

/// How light a patch is: bumps along the range of luma, each as wide as the distance to the next.
///
/// A number coded by Gaussian bumps becomes a vector that is never zero, and the cosine of two codes falls smoothly with
/// the distance d of the numbers, as `exp(-d^2 / (4 s^2))` for bumps of deviation s. With s = 1/7 the cosine is
/// 0.88 for a tenth of the range and 0.05 for half of it.
enum Brightness {
    static let channels = 8

    static func describe(_ luma: Float, into group: UnsafeMutableBufferPointer<Float>) {
        let spacing = 1 / Float(channels - 1)
        for index in 0..<channels { group[index] = bump(luma - Float(index) * spacing, deviation: spacing) }
    }
}

/// Hue and saturation of a patch: 5 x 5 bumps over the plane of the two colour differences.
///
/// The eye, and footage, tell weak colours apart better than strong ones, so differences are compressed by
/// `v / (|v| + 0.08)` first: most of the code's range goes to saturations below a third.
enum Colour {
    static let channels = side * side
    private static let side = 5
    private static let half: Float = 0.08
    /// Reached at a colour difference of 0.19, a strongly saturated colour; the outermost bumps lie there.
    private static let reach: Float = 0.7
    /// Narrower than the spacing, since a cast of colour shifts a whole scene while things differ by more.
    private static let deviationPerSpacing: Float = 0.7

    static func describe(blue: Float, red: Float, into group: UnsafeMutableBufferPointer<Float>) {
        let spacing = 2 * reach / Float(side - 1)
        func bumps(_ difference: Float) -> [Float] {
            let compressed = difference / (abs(difference) + half)
            return (0..<side).map {
                bump(compressed + reach - Float($0) * spacing, deviation: deviationPerSpacing * spacing)
            }
        }
        let across = bumps(blue)
        let down = bumps(red)
        for (i, first) in across.enumerated() {
            for (j, second) in down.enumerated() { group[i * side + j] = first * second }
        }
    }
}

private func bump(_ distance: Float, deviation: Float) -> Float {
    exp(-distance * distance / (2 * deviation * deviation))
}
