// One import brings the types that a pipeline's settings and results are made of, wherever they are declared.
@_exported public import TokenCore
@_exported public import TokenReduction
@_exported public import VideoDecoding
@_exported public import VisionEncoding
