"""Results as the programs that run language models take them.

    model = tokenreel.Model("Qwen3-VL-4B-Instruct/", keep=0.1)
    result = model.reduce("clip.mp4")
    inputs = tokenreel.for_transformers(result, language_model, tokenizer, "What happens?")
    language_model.generate(**inputs)

LLaVA-OneVision's language model reads the tokens of its `pooled` space in place of a video, in any number, and one more
vector, the newline, behind them. Qwen2.5-VL and Qwen3-VL read those of their `projected` space and must be told the
position of every token. Neither transformers nor vLLM is imported here.
"""
from __future__ import annotations

import base64
import io
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Callable

import numpy

from .result import Result

if TYPE_CHECKING:
    import torch

# The place of the video in a prompt, and the prompt around a mere question.
_TEMPLATES = {
    "llava-onevision": ("<video>", "<|im_start|>user <video>\n{}<|im_end|><|im_start|>assistant\n"),
    "qwen2.5-vl": ("<|video_pad|>", "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
                   "<|vision_start|><|video_pad|><|vision_end|>{}<|im_end|>\n<|im_start|>assistant\n"),
    "qwen3-vl": ("<|video_pad|>", "<|im_start|>user\n<|video_pad|>{}<|im_end|>\n<|im_start|>assistant\n"),
}


def for_transformers(result: Result, model: Any, tokenizer: Any, question: str) -> dict[str, Any]:
    """What `model(...)` and `model.generate(...)` take of LLaVA-OneVision, Qwen2.5-VL or Qwen3-VL in transformers.

    `question` may be a whole prompt with the video's place in it. For LLaVA-OneVision the tokens stand among the words'
    embeddings, so generate() gives the answer alone; the others need transformers 5.19 or newer. Raises ValueError for
    tokens of another model or space.
    """
    import torch

    family = result.metadata.get("family", "llava-onevision")
    tokens = torch.from_numpy(video_embeddings(result)) if family == "llava-onevision" else _qwen_tokens(result)
    width = model.config.get_text_config().hidden_size
    if tokens.shape[1] != width:
        raise ValueError(f"tokens of {tokens.shape[1]} numbers; this language model reads {width}")
    before, after = _text_ids(tokenizer, question, family)
    if family != "llava-onevision":
        return _qwen_inputs(result, model, tokenizer, tokens, before, after)
    words = model.get_input_embeddings()(torch.tensor(before + after, device=model.device))
    embeddings = torch.cat([words[: len(before)], tokens.to(words), words[len(before) :]])[None]
    return {"inputs_embeds": embeddings, "attention_mask": _ones(embeddings)}


def video_embeddings(result: Result) -> numpy.ndarray:
    """[N + 1, D]: what LLaVA-OneVision's language model reads in place of the video, the newline last.

    Raises ValueError for tokens of another model or space.
    """
    model, space = result.metadata.get("model", ""), result.metadata.get("space")
    if not model.startswith("llava_onevision ") or space == "tower" or "newline" not in result:
        raise ValueError(f"tokens of \"{model}\" in {space or 'its own'} space, which LLaVA-OneVision's language model "
                         "can't read; reduce with its checkpoint, in pooled space")
    return numpy.concatenate([result.tokens, result["newline"][None]])


def for_vllm(result: Result, question: str) -> dict[str, Any]:
    """What `LLM.generate` takes of vLLM's LLM(..., enable_mm_embeds=True), for LLaVA-OneVision.

    vLLM has no entry for a video's embeddings of this model; its language model reads those of an image the same way.
    """
    import torch

    place, template = _TEMPLATES["llava-onevision"]
    prompt = (question if place in question else template.format(question)).replace(place, "<image>")
    return {"prompt": prompt, "multi_modal_data": {"image": [torch.from_numpy(video_embeddings(result))]}}


def for_vllm_server(result: Result, question: str, model: str, dtype: str = "f2", **parameters: Any) -> dict[str, Any]:
    """The body of a request to /v1/chat/completions of `vllm serve ... --enable-mm-embeds`, for LLaVA-OneVision.

    `model` is the served name, `parameters` are further members such as max_tokens, `dtype` is "f2" or "f4".
    """
    buffer = io.BytesIO()
    numpy.save(buffer, video_embeddings(result).astype("<" + dtype))
    content = [{"type": "image_embeds", "image_embeds": base64.b64encode(buffer.getvalue()).decode()},
               {"type": "text", "text": question}]
    return {"model": model, "messages": [{"role": "user", "content": content}], **parameters}


def _text_ids(tokenizer: Any, question: str, family: str) -> tuple[list[int], list[int]]:
    """The ids before and behind the video's place."""
    place, template = _TEMPLATES[family]
    text = question if place in question else template.format(question)
    if text.count(place) != 1:
        raise ValueError(f"the prompt has the video's place {text.count(place)} times; it takes one {place}")
    ids = list(tokenizer(text).input_ids)
    index = ids.index(tokenizer.convert_tokens_to_ids(place))
    return ids[:index], ids[index + 1 :]


def _ones(ids: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.ones(ids.shape[:2], dtype=torch.long, device=ids.device)


# -- Qwen-VL --


def _qwen_tokens(result: Result) -> torch.Tensor:
    if result.metadata.get("space") == "tower" or "rank" in result or "position_ids" not in result:
        raise ValueError("tokens that Qwen-VL's language model can't read; reduce with its checkpoint, in projected "
                         "space and reading order")
    return result.to_torch()


def _qwen_inputs(
    result: Result, model: Any, tokenizer: Any, tokens: torch.Tensor, before: list[int], after: list[int]
) -> dict[str, Any]:
    import torch

    config = model.config
    ids, positions = _spliced(
        result, before, after, lambda said: list(tokenizer(said, add_special_tokens=False).input_ids),
        config.vision_start_token_id, config.video_token_id, config.vision_end_token_id)
    place = torch.tensor([ids], device=model.device)
    deepstack = [result.to_torch(name, model.device) for name in sorted(result) if name.startswith("deepstack.")]
    video = SimpleNamespace(
        pooler_output=[tokens.to(model.device)], deepstack_features=[[stream] for stream in deepstack])
    return {"input_ids": place, "attention_mask": _ones(place), "mm_encoder_outputs": {"video": video},
            "position_ids": torch.from_numpy(positions).to(model.device)[:, None]}


def _spliced(
    result: Result, before: list[int], after: list[int], encode: Callable[[str], list[int]], start: int, video: int,
    end: int,
) -> tuple[list[int], numpy.ndarray]:
    """The ids of a prompt with the video in its place, and their positions, [3, S].

    Qwen3-VL is told the time of every temporal group, which stands between ids of its own; Qwen2.5-VL has the video in
    one piece.
    """
    ids: list[int] = []
    axes: list[numpy.ndarray] = []
    position = first = 0

    def say(text: list[int]) -> None:
        nonlocal position
        ids.extend(text)
        axes.append(numpy.tile(position + numpy.arange(len(text)), (3, 1)))
        position += len(text)

    # A stream's segment goes on with the positions of those before; here it is a video of its own. Text that lies no
    # farther behind a video than its frames are wide stays there.
    start_time = int(result.metadata.get("first_position", 0))
    following = int(result.metadata["next_position"])
    following = max(following - start_time, min(following, max(result.owners.shape[1:])))
    places = result["position_ids"] - numpy.array([[start_time], [0], [0]])

    say(before)
    groups = json.loads(result.metadata.get("groups", "null"))
    parts = [(group["timestamp"], group["tokens"]) for group in groups] if groups else [("", len(result.tokens))]
    for time, count in parts:
        if time:
            say(encode(time) + [start])
        ids.extend([video] * count)
        axes.append(position + places[:, first : first + count])
        position += following
        first += count
        if time:
            say([end])
    say(after)
    return ids, numpy.concatenate(axes, 1)
