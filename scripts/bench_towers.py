"""The peer's side of the tower benchmark: transformers on PyTorch CPU.

usage: bench_towers.py make NAME FOLDER                      a random checkpoint of a published size
       bench_towers.py time FOLDER f32|bf16 THREADS ROUNDS   seconds a frame, as JSON
"""

import json
import statistics
import sys
import time
from pathlib import Path

import torch
from transformers import AutoConfig, CLIPVisionConfig, CLIPVisionModel, SiglipVisionConfig, SiglipVisionModel

SIZES = {
    "siglip-so400m-patch14-384": (SiglipVisionModel, SiglipVisionConfig(
        hidden_size=1152, intermediate_size=4304, num_hidden_layers=27, num_attention_heads=16, image_size=384,
        patch_size=14)),
    "clip-vit-large-patch14-336": (CLIPVisionModel, CLIPVisionConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=336,
        patch_size=14, projection_dim=768)),
    "siglip-base-patch16-224": (SiglipVisionModel, SiglipVisionConfig()),
}


def make(name, folder):
    model_class, config = SIZES[name]
    torch.manual_seed(7)
    model_class(config).save_pretrained(folder)
    size = {"height": config.image_size, "width": config.image_size}
    (Path(folder) / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "SiglipImageProcessor", "do_resize": True, "size": size, "resample": 3,
        "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3}))


def measure(folder, precision, threads, rounds):
    """The better of one frame at a time and four at once."""
    torch.set_num_threads(int(threads))
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[precision]
    model_class = {"clip_vision_model": CLIPVisionModel, "siglip_vision_model": SiglipVisionModel}[
        AutoConfig.from_pretrained(folder).model_type]
    model = model_class.from_pretrained(folder, dtype=dtype).eval()
    side = model.config.image_size
    best = None
    with torch.inference_mode():
        for batch in (1, 4):
            pixels = torch.randn(batch, 3, side, side, dtype=dtype)
            model(pixel_values=pixels)
            seconds, start = [], time.process_time()
            for _ in range(int(rounds)):
                begin = time.perf_counter()
                model(pixel_values=pixels)
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
