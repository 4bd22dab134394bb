internal import ArgumentParser
internal import TokenCore
internal import TokenReduction
internal import TokenReel

/// How reduced tokens are stored.
struct StorageOptions: ParsableArguments {
    @Option(help: "How tokens are stored: f16, bf16 or f32.")
    var dtype: TokenDType = .f16

    @Option(
        help: ArgumentHelp(
            "Store the tokens in fewer bits, such as tokenbridge:6; see tokenreel methods.",
            valueName: "scheme[:value,…]"))
    var quantize: String?

    @Option(help: "How tokens are ordered: reading, or prefix for an order of which any prefix is a summary.")
    var order: TokenOrder = .reading

    @Option(
        help: ArgumentHelp(
            "Whose rule numbers the positions of Qwen-VL tokens: transformers-5, transformers-4, vllm or vllm-evs.",
            valueName: "rule"))
    var positions: PositionRule = .transformers5

    /// Puts these choices into a pipeline.
    func apply(to pipeline: inout Pipeline) throws(TokenReelError) {
        if let quantize { pipeline.quantization = try TokenQuantization(quantize) }
        pipeline.request.order = order
        pipeline.positionRule = positions
    }
}
