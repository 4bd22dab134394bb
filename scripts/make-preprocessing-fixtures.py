#!/usr/bin/env python3
"""Writes Tests/VisionEncodingTests/Fixtures/preprocessing: settings files, and what the reference processors make of
a synthetic picture with them.

Needs transformers 5, torchvision, pillow 12 and numpy. Pillow 13 resizes columns first where the height loses more than
twice the pixels that the width loses, and 12.3 where a picture is over 100 times as tall as wide; torchvision and older
versions never do, and they are the reference. Each case is a folder with the settings as a checkpoint has them,
`case.json` (the picture's size and that of the result), `pillow.f32` and `torchvision.f32` ([3, H, W] floats). Large
resizes are kept as checksums of their bytes in `resizes.json`.
"""
import json
import shutil
from pathlib import Path

import numpy as np
import PIL
import torch
import transformers
from PIL import Image
from transformers import CLIPImageProcessor, LlavaOnevisionVideoProcessor, SiglipImageProcessor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

OUT = Path(__file__).resolve().parent.parent / "Tests/VisionEncodingTests/Fixtures/preprocessing"
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


def picture(width, height):
    """Slopes, edges, and texture; the test makes the same one."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((x * x // 7 + y * 3 + c * 50 + ((x // 9 + y // 5) & 1) * 120 + (x * y) % 31) & 255).astype(np.uint8)


def checksum(data):
    """FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def case(name, size, files, fast, slow=None):
    folder = OUT / name
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(content, indent=1) + "\n")
    image = picture(*size)
    frame = torch.from_numpy(image).permute(2, 0, 1)
    if isinstance(fast, LlavaOnevisionVideoProcessor):
        pixels = fast([frame[None]], return_tensors="pt")["pixel_values_videos"][0, 0]
    else:
        pixels = fast(frame, return_tensors="pt")["pixel_values"][0]
    pixels.numpy().astype("<f4").tofile(folder / "torchvision.f32")
    if slow is not None:
        reference = np.asarray(slow(Image.fromarray(image), return_tensors="np")["pixel_values"][0])
        assert reference.shape == tuple(pixels.shape), (name, reference.shape, pixels.shape)
        reference.astype("<f4").tofile(folder / "pillow.f32")
    (folder / "case.json").write_text(json.dumps(
        {"width": size[0], "height": size[1], "outputWidth": pixels.shape[2], "outputHeight": pixels.shape[1]}) + "\n")


def saved(processor):
    return json.loads(processor.to_json_string())


def main():
    assert int(PIL.__version__.split(".")[0]) < 13, "pillow 13 has another order of passes"
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)

    clip = dict(size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24})
    fast, slow = CLIPImageProcessor(**clip), CLIPImageProcessorPil(**clip)
    case("clip-landscape", (123, 71), {"preprocessor_config.json": saved(fast)}, fast, slow)
    case("clip-portrait", (50, 211), {"processor_config.json": {"image_processor": saved(fast)}}, fast, slow)
    # As openai's repositories have it: plain numbers, no rescale factor.
    old = {"crop_size": 24, "do_center_crop": True, "do_normalize": True, "do_resize": True,
           "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": CLIP_MEAN, "image_std": CLIP_STD,
           "resample": 3, "size": 24}
    case("clip-old", (97, 64), {"preprocessor_config.json": old}, fast, slow)
    # A cut larger than the resized picture: framed in black, at odd distances.
    framed = dict(size={"shortest_edge": 20}, crop_size={"height": 33, "width": 27})
    fast = CLIPImageProcessor(**framed)
    case("clip-framed", (30, 25), {"preprocessor_config.json": saved(fast)}, fast)
    # No resizing, only a cut.
    cut = dict(do_resize=False, crop_size={"height": 14, "width": 22})
    fast, slow = CLIPImageProcessor(**cut), CLIPImageProcessorPil(**cut)
    case("clip-cut", (61, 35), {"preprocessor_config.json": saved(fast)}, fast, slow)

    siglip = dict(size={"height": 26, "width": 26})
    fast, slow = SiglipImageProcessor(**siglip), SiglipImageProcessorPil(**siglip)
    case("siglip-down", (160, 90), {"preprocessor_config.json": saved(fast)}, fast, slow)
    case("siglip-up", (17, 23), {"preprocessor_config.json": saved(fast)}, fast, slow)
    case("siglip-width-kept", (26, 91), {"preprocessor_config.json": saved(fast)}, fast, slow)
    bilinear = dict(size={"height": 20, "width": 28}, resample=2)
    fast, slow = SiglipImageProcessor(**bilinear), SiglipImageProcessorPil(**bilinear)
    case("siglip2-bilinear", (161, 95), {"preprocessor_config.json": saved(fast)}, fast, slow)
    raw = dict(size={"height": 24, "width": 24}, do_normalize=False)
    fast, slow = SiglipImageProcessor(**raw), SiglipImageProcessorPil(**raw)
    case("siglip-raw", (80, 45), {"preprocessor_config.json": saved(fast)}, fast, slow)

    # The file for video wins over the one for images.
    half = [0.5, 0.5, 0.5]
    video = LlavaOnevisionVideoProcessor(size={"height": 22, "width": 22}, image_mean=half, image_std=half)
    image = {"image_processor_type": "LlavaOnevisionImageProcessor", "size": {"height": 384, "width": 384}}
    case("onevision", (128, 72), {"video_preprocessor_config.json": saved(video), "preprocessor_config.json": image},
         video)
    case("onevision-joint", (128, 72),
         {"processor_config.json": {"video_processor": saved(video), "image_processor": image}}, video)

    resizes = []
    for size, target in [((1280, 720), (384, 384)), ((1280, 720), (640, 337)), ((333, 517), (999, 224)),
                         ((3, 2), (61, 67)), ((1, 1), (5, 4)), ((700, 1), (14, 14)), ((641, 480), (641, 13))]:
        for name, kind in [("bicubic", Image.BICUBIC), ("bilinear", Image.BILINEAR)]:
            resized = Image.fromarray(picture(*size)).resize(target, kind)
            resizes.append({"from": size, "to": target, "filter": name, "checksum": checksum(resized.tobytes())})
    (OUT / "resizes.json").write_text(json.dumps(
        {"made with": f"pillow {PIL.__version__}, transformers {transformers.__version__}", "resizes": resizes},
        indent=1) + "\n")


if __name__ == "__main__":
    main()
