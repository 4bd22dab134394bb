/// Whose rule numbers the positions of a Qwen-VL video.
///
/// The programs that run these models agree on rows and columns, but neither on the time of a temporal group nor on
/// where the text behind the video lies. With `i` the group, `s` the seconds of one and `r` the model's tokens per
/// second, for Qwen2.5-VL:
///
/// | | position of group i in time | next position |
/// |---|---|---|
/// | ``transformers5`` | `floor(i s r)` | the larger of rows and columns |
/// | ``transformers4`` | `i floor(s) r` | the largest position of the whole video, and one |
/// | ``vllm`` | `floor(i s r)` | the largest position of the whole video, and one |
/// | ``vllmEVS`` | `i floor(s) r` | the columns |
///
/// For Qwen3-VL, whose groups stand apart between texts that tell their times, all give the same positions;
/// ``vllmEVS`` keeps the texts of groups that lost all their tokens.
public enum PositionRule: String, Sendable, CaseIterable {
    /// transformers 5; the default. Behind a long video the text's positions lie within the video's time.
    case transformers5 = "transformers-5"
    /// transformers 4.57, which drops the fraction of the seconds: groups of half a second all lie at the same time.
    case transformers4 = "transformers-4"
    /// vLLM, where it prunes nothing itself.
    case vllm
    /// vLLM with pruning of its own, `--video-pruning-rate`, which drops the fraction of the seconds too.
    case vllmEVS = "vllm-evs"
}
