import Testing
import TokenCore
import TokenReduction

@Suite struct CodebookAttentionParityTests {
    /// The original's output with the same weights, codes and codebook.
    @Test func agreesWithTheOriginal() throws {
        let fixture = try Fixture("vqtoken/attn_T_lt_K")
        func layer(_ weight: String, _ bias: String) -> CodebookAttention.Layer {
            .init(
                weight: TensorBuffer(fixture.floats("weights.\(weight)")),
                bias: TensorBuffer(fixture.floats("weights.\(bias)")))
        }
        let prefix = "transformer_decoder.layers.0."
        func linear(_ name: String) -> CodebookAttention.Layer { layer(name + ".weight", name + ".bias") }
        func attention(_ name: String) -> CodebookAttention.Attention {
            .init(
                input: layer("\(prefix)\(name).in_proj_weight", "\(prefix)\(name).in_proj_bias"),
                output: linear("\(prefix)\(name).out_proj"))
        }
        let attention = CodebookAttention(
            query: linear("to_q_proj"), selfAttention: attention("self_attn"),
            crossAttention: attention("multihead_attn"), expand: linear(prefix + "linear1"),
            contract: linear(prefix + "linear2"), norms: (1...3).map { linear("\(prefix)norm\($0)") },
            heads: try #require(fixture.parameters["num_heads"] as? Int))
        let tokens = attention.tokens(
            codes: fixture.integers("expected.codes"), codebook: TensorBuffer(fixture.floats("expected.codebook")))
        expectClose(tokens.array, fixture.floats("expected.tokens"))
    }
}
