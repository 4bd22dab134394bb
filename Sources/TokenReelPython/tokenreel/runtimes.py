"""Results as the programs that run language models take them.

The language model of LLaVA-OneVision reads the tokens of its own `pooled` space in place of a video, in any number, and
one more vector, the newline, behind them:

    model = tokenreel.Model("llava-onevision-qwen2-7b-ov-hf/", keep=0.1)
    result = model.reduce("clip.mp4")
    inputs = tokenreel.for_transformers(result, llava, tokenizer, "What happens?")
    llava.generate(**inputs)

Neither transformers nor vLLM is imported here.
"""
from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy

from .result import Result

if TYPE_CHECKING:
    import torch

_PROMPT = "<|im_start|>user <{place}>\n{question}<|im_end|><|im_start|>assistant\n"


def video_embeddings(result: Result) -> numpy.ndarray:
    """[N + 1, D]: what LLaVA-OneVision's language model reads in place of the video, the newline last.

    Raises ValueError for tokens of another model or space.
    """
    model, space = result.metadata.get("model", ""), result.metadata.get("space")
    if not model.startswith("llava_onevision ") or space == "tower" or "newline" not in result:
        raise ValueError(f"tokens of \"{model}\" in {space or 'its own'} space, which LLaVA-OneVision's language model "
                         "can't read; reduce with its checkpoint, in pooled space")
    return numpy.concatenate([result.tokens, result["newline"][None]])


def prompt(question: str, place: str = "video") -> str:
    """A question as LLaVA-OneVision's chat template has it, with a place for the video."""
    return question if f"<{place}>" in question else _PROMPT.format(place=place, question=question)


def for_transformers(result: Result, model: Any, tokenizer: Any, question: str) -> dict[str, torch.Tensor]:
    """What `model(...)` and `model.generate(...)` of LlavaOnevisionForConditionalGeneration take.

    `question` may be a whole prompt with <video> in it. The tokens stand among the words' embeddings, so generate()
    gives the answer alone.
    """
    import torch

    tokens = torch.from_numpy(video_embeddings(result))
    width = model.config.text_config.hidden_size
    if tokens.shape[1] != width:
        raise ValueError(f"tokens of {tokens.shape[1]} numbers; this language model reads {width}")
    ids = torch.tensor(tokenizer(prompt(question)).input_ids)
    places = (ids == model.config.video_token_id).nonzero().flatten().tolist()
    if len(places) != 1:
        raise ValueError(f"the prompt has the video's place {len(places)} times; it takes one <video>")
    words = model.get_input_embeddings()(ids.to(model.device))
    embeddings = torch.cat([words[: places[0]], tokens.to(words), words[places[0] + 1 :]])[None]
    mask = torch.ones(embeddings.shape[:2], dtype=torch.long, device=words.device)
    return {"inputs_embeds": embeddings, "attention_mask": mask}


def for_vllm(result: Result, question: str) -> dict[str, Any]:
    """What `LLM.generate` takes of vLLM's LLM(..., enable_mm_embeds=True).

    vLLM has no entry for a video's embeddings of this model; its language model reads those of an image the same way.
    """
    import torch

    tokens = torch.from_numpy(video_embeddings(result))
    return {"prompt": prompt(question, "image"), "multi_modal_data": {"image": [tokens]}}


def for_vllm_server(result: Result, question: str, model: str, dtype: str = "f2", **parameters: Any) -> dict[str, Any]:
    """The body of a request to /v1/chat/completions of `vllm serve ... --enable-mm-embeds`.

    `model` is the served name, `parameters` are further members such as max_tokens, `dtype` is "f2" or "f4".
    """
    buffer = io.BytesIO()
    numpy.save(buffer, video_embeddings(result).astype("<" + dtype))
    content = [{"type": "image_embeds", "image_embeds": base64.b64encode(buffer.getvalue()).decode()},
               {"type": "text", "text": question}]
    return {"model": model, "messages": [{"role": "user", "content": content}], **parameters}
