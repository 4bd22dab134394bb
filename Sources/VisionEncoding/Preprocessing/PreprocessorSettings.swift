internal import TokenCore

/// How a vision tower wants its pictures: size, filter, and the range of its numbers.
///
/// Defaults are the values that Hugging Face's image processors share.
public struct PreprocessorSettings: Sendable, Equatable {
    /// How large the picture becomes before a middle part is cut out.
    public enum Size: Sendable, Equatable {
        /// Exactly this size in pixels; the aspect ratio is not kept.
        case exact(width: Int, height: Int)
        /// The shorter edge gets this length, and the longer one follows in proportion, rounded down.
        case shortestEdge(Int)
        /// The size it has.
        case unchanged
    }

    /// What to interpolate with.
    ///
    /// Both filters antialias when a picture shrinks.
    public enum Filter: Sendable, Equatable {
        /// Triangle; `"resample": 2` in files.
        case bilinear
        /// Keys' cubic with a = -0.5; `"resample": 3` in files.
        case bicubic
    }

    /// A size in pixels.
    public struct Area: Sendable, Equatable {
        /// Pixels per row.
        public var width: Int
        /// Rows.
        public var height: Int

        /// Makes a size.
        public init(width: Int, height: Int) {
            self.width = width
            self.height = height
        }
    }

    /// Size before the cut.
    public var size: Size
    /// The middle part that is cut out, with black around it where the picture is smaller; nil for the whole picture.
    public var crop: Area?
    /// The resampling filter.
    public var filter: Filter = .bicubic
    /// What levels 0…255 are multiplied by; nil leaves them.
    public var rescaleFactor: Double? = 1 / 255.0
    /// Three means to subtract after rescaling, red first; nil, like ``std``, leaves the numbers.
    public var mean: [Double]?
    /// Three deviations to divide by, red first.
    public var std: [Double]?

    /// Makes settings.
    public init(
        size: Size, crop: Area? = nil, filter: Filter = .bicubic, rescaleFactor: Double? = 1 / 255.0,
        mean: [Double]? = nil, std: [Double]? = nil
    ) {
        self.size = size
        self.crop = crop
        self.filter = filter
        self.rescaleFactor = rescaleFactor
        self.mean = mean
        self.std = std
    }
}
