#!/usr/bin/env python3
"""Compares what Qwen-VL models make of a token file with what they make of the video; prints one JSON object.

    check-qwen-consumers.py make FAMILY FOLDER      a tiny random checkpoint with a tokenizer, a video of noise for
                                                    it, and the token grid that its tower makes of that
    check-qwen-consumers.py compare FOLDER TOKENS [CLIP]
                                                    logits by both ways of splicing; of all tokens also from the pixels,
                                                    those of noise or of the clip that the file was made from
    check-qwen-consumers.py rules FOLDER TOKENS     what SGLang and llama.cpp are given, against what they accept

FAMILY is qwen2.5-vl, qwen3-vl or qwen3-vl-moe. Needs torch, torchvision and transformers 5, and the ffmpeg command for
a clip. All logits are of the whole prompt, in float32, and differences are shares of the largest. The rules are those in
the sources of SGLang 0.5.23 and llama.cpp: they are followed here step by step, since neither program runs here.
"""
from __future__ import annotations

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText, AutoTokenizer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Samples"))
import consume_llamacpp  # noqa: E402
import consume_sglang  # noqa: E402
from consume_transformers import PATHS, qwen_inputs, text_ids  # noqa: E402
from token_file import QWEN_MODELS, read_qwen  # noqa: E402

#: The place of the video; Qwen3-VL's groups bring their own starts and ends of vision.
PROMPTS = {"qwen2.5-vl": "w4 w5 <|vision_start|> <|video_pad|> <|vision_end|> w6 w7",
           "qwen3-vl": "w4 w5 <|video_pad|> w6 w7"}
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
WORDS = 60
#: Patches of the video of noise in time, rows and columns; sampled frames a second.
GRID, FPS = (5, 8, 12), 3.0


def tokenizer_ids() -> dict[str, int]:
    return {name: WORDS + index for index, name in enumerate(SPECIAL)}


def configuration(family: str):
    """Every part of the model, in a few numbers."""
    ids = tokenizer_ids()
    shared = {"image_token_id": ids["<|image_pad|>"], "video_token_id": ids["<|video_pad|>"],
              "vision_start_token_id": ids["<|vision_start|>"], "vision_end_token_id": ids["<|vision_end|>"]}
    text = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4,
            "num_key_value_heads": 2, "vocab_size": WORDS + len(SPECIAL), "max_position_embeddings": 4096,
            "bos_token_id": None, "eos_token_id": ids["<|im_end|>"], "pad_token_id": 0}
    rotary = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]}
    vision = {"hidden_size": 32, "num_heads": 2, "intermediate_size": 48, "out_hidden_size": 32,
              "spatial_merge_size": 2, "temporal_patch_size": 2}
    if family.startswith("qwen3-vl"):
        vision |= {"depth": 4, "patch_size": 16, "num_position_embeddings": 64, "deepstack_visual_indexes": [0, 1, 2]}
        text |= {"head_dim": 8, "rope_parameters": rotary | {"mrope_interleaved": True}}
        if family == "qwen3-vl-moe":
            text |= {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
            return transformers.Qwen3VLMoeConfig(text_config=text, vision_config=vision, **shared)
        return transformers.Qwen3VLConfig(text_config=text, vision_config=vision, **shared)
    vision |= {"depth": 2, "patch_size": 14, "fullatt_block_indexes": [1], "tokens_per_second": 2}
    return transformers.Qwen2_5_VLConfig(text_config=text | {"rope_parameters": rotary}, vision_config=vision, **shared)


def make(family: str, folder: Path) -> None:
    from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers

    torch.manual_seed(7)
    config = configuration(family)
    model = AutoModelForImageTextToText.from_config(config).eval()
    for parameter in model.parameters():
        # Larger than a model's first values, so that logits depend on everything.
        if parameter.dim() > 1:
            parameter.data.normal_(0, 0.25)
    model.save_pretrained(folder / "checkpoint")
    # Other letters are ids of their own, so that the text of a time takes several.
    words = {"<unk>": 0} | {f"w{i}": i for i in range(1, 40)} | {c: 40 + i for i, c in enumerate("0123456789.<>second")}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex(r"w\d+|\S"), "isolated")])
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in SPECIAL])
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>").save_pretrained(
        folder / "checkpoint")

    patches = GRID[0] * GRID[1] * GRID[2]
    side = config.vision_config.patch_size
    # Few tokens: of a frame for Qwen2.5-VL, of a whole video for Qwen3-VL.
    kind, most = ((transformers.Qwen3VLVideoProcessor, 200) if family.startswith("qwen3-vl")
                  else (transformers.Qwen2VLVideoProcessor, 24))
    token = (2 * side) ** 2
    kind(size={"shortest_edge": 4 * token, "longest_edge": most * token}, patch_size=side).save_pretrained(
        folder / "checkpoint")
    # Every patch of a temporal group differs a little from that of the group before.
    change = torch.randn(GRID[0], patches // GRID[0], 3 * 2 * side * side).cumsum(0).flatten(0, 1)
    pixels = {"pixel_values_videos": change, "video_grid_thw": torch.tensor([GRID])}
    save_file(pixels, folder / "pixels.safetensors")
    output = model.model.visual(change, grid_thw=pixels["video_grid_thw"])
    shape = (GRID[0], GRID[1] // 2, GRID[2] // 2, 32)
    deepstack = getattr(output, "deepstack_features", None) or []
    grid = {"tokens": output.pooler_output} | {f"deepstack.{k}": stream for k, stream in enumerate(deepstack)}
    grid = {name: stream.reshape(shape).contiguous() for name, stream in grid.items()}
    grid["frame_times"] = torch.arange(GRID[0], dtype=torch.float64) * 2 / FPS + 0.5 / FPS
    facts = {"format": "tokenreel-grid/1", "family": family.removesuffix("-moe"), "space": "projected", "fps": str(FPS),
             "patch_size": str(side), "temporal_patch_size": "2", "spatial_merge_size": "2", "tokens_per_second": "2",
             "grid_thw": ",".join(map(str, GRID))}
    save_file(grid, folder / "grid.safetensors", facts)


def load(folder: Path, tokens: str):
    checkpoint = folder / "checkpoint"
    model = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(checkpoint), read_qwen(tokens, "pt")


def pixels_of(folder: Path, tokens: str, clip: str | None) -> dict[str, torch.Tensor]:
    """What the model's vision tower takes in: the noise, or a clip as the model's own processor cuts it up."""
    if clip is None:
        return load_file(folder / "pixels.safetensors")
    with safe_open(tokens, "pt") as file:
        indices = [int(index) for index in file.metadata()["frame_indices"].split(",")]
    pictures = importlib.import_module("check-consumers").frames(clip, [index / 25 for index in indices])
    video = torch.as_tensor(np.stack(pictures)).permute(0, 3, 1, 2)
    processor = transformers.AutoVideoProcessor.from_pretrained(folder / "checkpoint")
    return dict(processor([video], do_sample_frames=False, return_tensors="pt"))


def compare(folder: Path, tokens: str, clip: str | None = None) -> dict:
    model, tokenizer, video = load(folder, tokens)
    text = text_ids(tokenizer, PROMPTS[video.family], video.family)
    inputs = qwen_inputs(model, tokenizer, text, video, PATHS[0])
    logits = model(**inputs).logits

    def difference(reference: torch.Tensor) -> float:
        return float((logits - reference).abs().max() / reference.abs().max())

    def without(*streams: int) -> float:
        blank = [torch.zeros_like(s) if index in streams else s for index, s in enumerate(video.streams)]
        changed = qwen_inputs(model, tokenizer, text, replace(video, streams=blank), PATHS[0])
        return difference(model(**changed).logits)

    figures = {"ids": inputs["input_ids"].shape[1], "without_video": without(0)}
    if len(video.streams) > 1:
        figures["without_deepstack"] = without(1, 2, 3)
    in_line = inputs | {"position_ids": torch.arange(figures["ids"]).expand(3, 1, -1)}
    figures["with_text_positions"] = difference(model(**in_line).logits)

    with safe_open(tokens, "pt") as file:
        facts = file.metadata()
    pixels = pixels_of(folder, tokens, clip)
    if 4 * len(video.streams[0]) == int(pixels["video_grid_thw"].prod()):
        ids = inputs["input_ids"]
        own = {"input_ids": ids, "attention_mask": torch.ones_like(ids), **pixels,
               "mm_token_type_ids": 2 * (ids == model.config.video_token_id).int()}
        if video.family == "qwen2.5-vl":
            own["second_per_grid_ts"] = torch.tensor([2 / float(facts["fps"])])
        positions = {name: own[name] for name in own if name not in ["attention_mask", "pixel_values_videos"]}
        expected = model.model.get_rope_index(**positions)[0]
        figures["wrong_positions"] = int((expected != inputs["position_ids"]).sum())
        figures["from_pixels"] = difference(model(**own).logits)
    # Last, because it leaves a hook behind.
    spliced = qwen_inputs(model, tokenizer, text, video, PATHS[1])
    figures["between_paths"] = difference(model(**spliced).logits)
    return figures


def sglang_rules(config, tokenizer, video) -> dict[str, bool]:
    """One item, rows for all placeholders, their runs with the last index included, and positions of every id."""
    given = consume_sglang.request(video, config, tokenizer, PROMPTS[video.family])
    ids, items = torch.tensor(given["input_ids"]), given["video_data"]
    item, mask = items[0], torch.tensor(given["input_ids"]) == config.video_token_id
    starts = (mask & ~torch.roll(mask, 1)).nonzero(as_tuple=True)[0]
    ends = (mask & ~torch.roll(mask, -1)).nonzero(as_tuple=True)[0]
    positions, delta = item["mrope_positions"], item["mrope_position_delta"]
    return {
        "one item": len(items) == 1 and item["format"] == "precomputed_embedding",
        "a row for each placeholder": item["feature"].shape == (int(mask.sum()), 32 * len(video.streams)),
        "runs of placeholders": item["offsets"] == list(zip(starts.tolist(), ends.tolist())),
        "positions": positions.shape == (3, len(ids)) and positions.dtype == torch.int64 and delta.shape == (1, 1),
        "the next id": int(delta) + len(ids) == int(positions.max()) + 1,
    }


def llama_rules(config, tokenizer, video, tokens: str) -> dict[str, bool]:
    """Decodes the batches in order as a caller would, and compares where every id ends up."""
    order, _ = consume_llamacpp.batches(video, PROMPTS[video.family])
    width = 32 * len(video.streams)
    rows = np.fromfile(Path(tokens).with_suffix(".embd"), "<f4").reshape(-1, width)
    stored = np.fromfile(Path(tokens).with_suffix(".pos"), "<i4")
    past, read, axes, last, ascends = 0, 0, [], -1, True
    for step in order:
        if "text" in step:
            count = len(tokenizer(step["text"], add_special_tokens=False).input_ids)
            # Text must lie behind all that was decoded; embeddings may begin where that ends.
            ascends &= past > last
            axes.append(np.tile(past + np.arange(count), (4, 1)))
            past += count
        else:
            count = step["rows"][1] - step["rows"][0]
            axes.append(past + stored[4 * read:4 * (read + count)].reshape(4, count))
            ascends &= count == 0 or axes[-1][0].min() >= last
            read, past = read + count, past + step["advance"]
        last = max([last, *axes[-1][0]])
    text = text_ids(tokenizer, PROMPTS[video.family], video.family)
    _, positions, _ = video.spliced(
        *text, lambda said: tokenizer(said, add_special_tokens=False).input_ids,
        config.vision_start_token_id, config.video_token_id, config.vision_end_token_id)
    return {
        "rows": len(rows) == read and np.array_equal(rows[:, :32], video.streams[0].numpy()),
        "positions": np.array_equal(np.concatenate(axes, 1)[:3], positions) and 4 * read == len(stored),
        "ascending": bool(ascends),
    }


if __name__ == "__main__":
    # So little work that threads would only wait for one another.
    torch.set_num_threads(1)
    with torch.no_grad():
        match sys.argv[1:]:
            case ["make", family, folder] if family in [*QWEN_MODELS, "qwen3-vl-moe"]:
                make(family, Path(folder))
            case ["compare", folder, tokens, *clip] if len(clip) <= 1:
                print(json.dumps(compare(Path(folder), tokens, *clip)))
            case ["rules", folder, tokens]:
                model, tokenizer, video = load(Path(folder), tokens)
                print(json.dumps({"sglang": sglang_rules(model.config, tokenizer, video),
                                  "llama.cpp": llama_rules(model.config, tokenizer, video, tokens)}))
            case _:
                sys.exit(__doc__)
