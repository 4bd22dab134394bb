"""The peer's side of the tower benchmark: transformers on PyTorch CPU.

usage: bench_towers.py make NAME FOLDER                      a random checkpoint of a published size
       bench_towers.py time FOLDER f32|bf16 THREADS ROUNDS   seconds a frame, or a group of two for Qwen-VL, as JSON
"""

import json
import statistics
import sys
import time
from pathlib import Path

import torch
from transformers import (
    AutoConfig, CLIPVisionConfig, CLIPVisionModel, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen3VLConfig,
    Qwen3VLForConditionalGeneration, SiglipVisionConfig, SiglipVisionModel)

# The language model of a Qwen-VL checkpoint plays no part; the smallest that its tower can be saved with.
LANGUAGE = dict(hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=1, num_key_value_heads=1,
                vocab_size=160, head_dim=64)
SPECIAL = dict(image_token_id=150, video_token_id=151, vision_start_token_id=152, vision_end_token_id=153)
# Pixels along one side of a Qwen-VL tower's frames.
SIDE = 448

SIZES = {
    "siglip-so400m-patch14-384": (SiglipVisionModel, SiglipVisionConfig(
        hidden_size=1152, intermediate_size=4304, num_hidden_layers=27, num_attention_heads=16, image_size=384,
        patch_size=14)),
    "clip-vit-large-patch14-336": (CLIPVisionModel, CLIPVisionConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=336,
        patch_size=14, projection_dim=768)),
    "siglip-base-patch16-224": (SiglipVisionModel, SiglipVisionConfig()),
    "qwen2.5-vl-7b": (Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLConfig(
        vision_config=dict(hidden_size=1280, tokens_per_second=2, out_hidden_size=3584), text_config=LANGUAGE, **SPECIAL)),
    "qwen3-vl-8b": (Qwen3VLForConditionalGeneration, Qwen3VLConfig(
        vision_config=dict(out_hidden_size=4096), text_config=LANGUAGE, **SPECIAL)),
}


def make(name, folder):
    model_class, config = SIZES[name]
    torch.manual_seed(7)
    if name.startswith("qwen"):
        # In bf16 as published, so that both sides round or widen what they read.
        torch.set_default_dtype(torch.bfloat16)
        model_class(config).save_pretrained(folder)
        half = [0.5] * 3
        (Path(folder) / "preprocessor_config.json").write_text(json.dumps({
            "size": {"shortest_edge": 4096, "longest_edge": 25165824}, "image_mean": half, "image_std": half}))
        return
    model_class(config).save_pretrained(folder)
    size = {"height": config.image_size, "width": config.image_size}
    (Path(folder) / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "SiglipImageProcessor", "do_resize": True, "size": size, "resample": 3,
        "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3}))


def groups_of(tower, dtype):
    """Calls of a Qwen-VL tower on some temporal groups."""
    side = SIDE // tower.config.patch_size

    def call(batch):
        patches = torch.randn(batch * side * side, 6 * tower.config.patch_size ** 2, dtype=dtype)
        grid = torch.tensor([[batch, side, side]])
        return lambda: tower(patches, grid)
    return call


def measure(folder, precision, threads, rounds):
    """The better of one frame at a time and four at once."""
    torch.set_num_threads(int(threads))
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[precision]
    model_class = {
        "clip_vision_model": CLIPVisionModel, "siglip_vision_model": SiglipVisionModel,
        "qwen2_5_vl": Qwen2_5_VLForConditionalGeneration, "qwen3_vl": Qwen3VLForConditionalGeneration,
    }[AutoConfig.from_pretrained(folder).model_type]
    model = model_class.from_pretrained(folder, dtype=dtype).eval()
    if hasattr(model, "model"):
        call = groups_of(model.model.visual, dtype)
    else:
        def call(batch):
            side = model.config.image_size
            pixels = torch.randn(batch, 3, side, side, dtype=dtype)
            return lambda: model(pixel_values=pixels)
    best = None
    with torch.inference_mode():
        for batch in (1, 4):
            run = call(batch)
            run()
            seconds, start = [], time.process_time()
            for _ in range(int(rounds)):
                begin = time.perf_counter()
                run()
                seconds.append((time.perf_counter() - begin) / batch)
            figures = {"seconds": statistics.median(seconds), "batch": batch,
                       "processor": (time.process_time() - start) / int(rounds) / batch}
            if best is None or figures["seconds"] < best["seconds"]:
                best = figures
    return best


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(*sys.argv[2:])
    else:
        print(json.dumps(measure(*sys.argv[2:])))
