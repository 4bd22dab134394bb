#!/usr/bin/env python3
"""Writes the fixtures of the Qwen-VL towers' tests: tiny random checkpoints with what transformers computes from them
(Tests/VisionEncodingTests/Fixtures/towers/qwen*), and what its video processors choose (…/Fixtures/qwen-videos.json).

Needs `pip install torch torchvision transformers safetensors`. The tests read what it wrote and need no Python.
"""
import json
import pathlib
import shutil

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from transformers import (
    Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2VLVideoProcessor, Qwen3VLConfig,
    Qwen3VLForConditionalGeneration, Qwen3VLMoeConfig, Qwen3VLMoeForConditionalGeneration, Qwen3VLVideoProcessor)
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl
from transformers.models.qwen3_vl import modeling_qwen3_vl
from transformers.models.qwen3_vl_moe import modeling_qwen3_vl_moe
from transformers.video_utils import VideoMetadata

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "Tests/VisionEncodingTests/Fixtures"

# Frames, height and width in patches of videos whose states are compared: odd numbers of frames, windows that edges
# cut in both directions, a single window.
CASES = [(3, 6, 10), (2, 4, 4), (5, 2, 12)]


def randomize(model, dtype):
    """Weights large enough that attention is uneven and every bias and gain shows, rounded to what the file holds."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape)
            if ("norm" in name or "ln_q" in name) and name.endswith("weight"):
                value = 1 + 0.2 * noise
            elif parameter.dim() >= 2 and "pos_embed" not in name:
                value = noise * (1.2 / (parameter.numel() / parameter.shape[0]) ** 0.5)
            else:
                value = 0.3 * noise
            parameter.copy_(value.to(dtype).float())
    return model.eval()


def picture(width, height, shift=0):
    """Slopes, edges, and texture; the test makes the same one."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    x = x + shift
    return ((x * x // 7 + y * 3 + c * 50 + ((x // 9 + y // 5) & 1) * 120 + (x * y) % 31) & 255).astype(np.uint8)


class Attention:
    """Records the attention maps that a model's eager attention computes, span by span."""

    def __init__(self, module):
        self.module, self.original, self.maps = module, module.eager_attention_forward, []

    def __enter__(self):
        def forward(layer, query, key, value, *arguments, **settings):
            output, weights = self.original(layer, query, key, value, *arguments, **settings)
            self.maps.append(weights[0])
            return output, weights
        self.module.eager_attention_forward = forward
        return self

    def __exit__(self, *_):
        self.module.eager_attention_forward = self.original

    def received(self, layers):
        """Of each layer, what every state receives from those of its span."""
        spans = [(weights.mean(0).mean(0), weights.shape[-1]) for weights in self.maps]
        count = sum(size for _, size in spans) // layers
        flat = torch.cat([received for received, _ in spans])
        return flat.reshape(layers, count)


def expectations(module, tower, processor, case):
    frames, rows, columns = case
    side = tower.config.patch_size
    pixels = torch.randn(frames, 3, rows * side, columns * side)
    patches, *grid = processor.patchify(pixels[None], side, tower.config.spatial_merge_size, 2)
    layers = len(tower.blocks)
    states, values = [], []
    hooks = [tower.blocks[0].register_forward_pre_hook(lambda layer, inputs: states.append(inputs[0]))]
    for block in tower.blocks:
        hooks.append(block.register_forward_hook(lambda layer, inputs, output: states.append(output)))
        hooks.append(block.attn.qkv.register_forward_hook(
            lambda layer, inputs, output: values.append(output.reshape(len(output), 3, tower.config.num_heads, -1)[:, 2])))
    with Attention(module) as attention:
        output = tower(patches[0], torch.tensor([grid]), return_dict=True)
    for hook in hooks:
        hook.remove()
    expected = {"pixels": pixels, "tokens": output.pooler_output}
    for index, stream in enumerate(getattr(output, "deepstack_features", [])):
        expected[f"deepstack.{index}"] = stream
    expected.update({f"hidden.{index}": state for index, state in enumerate(states)})
    received = attention.received(layers)
    for index in range(layers):
        expected[f"received.{index}"] = received[index]
        expected[f"value_norms.{index}"] = values[index].mean(1).abs().sum(1)
    assert len(states) == layers + 1 and tuple(grid[1:]) == (rows, columns)
    return expected


def processed(tower, processor, size):
    """Tokens of three frames of the test's picture, moving, through the processor."""
    video = torch.stack([torch.from_numpy(picture(*size, shift)).permute(2, 0, 1) for shift in (0, 3, 11)])
    inputs = processor([video], do_sample_frames=False, return_tensors="pt")
    output = tower(inputs["pixel_values_videos"], inputs["video_grid_thw"], return_dict=True)
    return output.pooler_output, inputs["video_grid_thw"][0]


def write(name, module, model, processor, settings, trim, dtype, sizes, cases=range(len(CASES))):
    folder = FIXTURES / "towers" / name
    shutil.rmtree(folder, ignore_errors=True)
    tower = model.model.visual
    expected = {}
    for index in cases:
        found = expectations(module, tower, processor, CASES[index])
        expected.update({f"{index}.{key}": value for key, value in found.items()})
    for label, size in sizes.items():
        expected[f"{label}.tokens"], expected[f"{label}.grid"] = processed(tower, processor, size)
    model.to(dtype).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text())
    trim(config)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    for file, content in settings.items():
        (folder / file).write_text(json.dumps(content, indent=1) + "\n")
    save_file({key: value.detach().float().contiguous().clone() if value.is_floating_point() else value.clone()
               for key, value in expected.items()}, folder / "expected.safetensors")


LANGUAGE = dict(hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
                num_key_value_heads=1, vocab_size=100, max_position_embeddings=4096, bos_token_id=1, eos_token_id=2)
TOKENS = dict(image_token_id=95, video_token_id=96, vision_start_token_id=97, vision_end_token_id=98)


def qwen2_5():
    torch.manual_seed(11)
    model = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(
        vision_config=dict(depth=4, hidden_size=32, intermediate_size=36, num_heads=2, patch_size=4, window_size=16,
                           fullatt_block_indexes=[1, 3], out_hidden_size=24, tokens_per_second=2),
        text_config=dict(LANGUAGE, rope_parameters=dict(
            rope_type="default", rope_theta=10000.0, mrope_section=[2, 2, 2])),
        **TOKENS, attn_implementation="eager"))
    randomize(model, torch.bfloat16)
    # As the published folders have it: the image processor's file, with the budget of a frame.
    settings = {"image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor",
                "min_pixels": 256, "max_pixels": 2048, "patch_size": 4, "merge_size": 2, "temporal_patch_size": 2,
                "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
    processor = Qwen2VLVideoProcessor(**{key: value for key, value in settings.items() if "_type" not in key
                                         and key != "processor_class"})

    def trim(config):
        for key in ["hidden_act", "spatial_merge_size", "temporal_patch_size", "in_channels", "rope_parameters"]:
            config["vision_config"].pop(key, None)
    write("qwen2.5-vl-bf16", modeling_qwen2_5_vl, model, processor, {"preprocessor_config.json": settings}, trim,
          torch.bfloat16, {"exact": (40, 24), "resized": (130, 57)})


def qwen3(mixture=False):
    torch.manual_seed(13 if mixture else 12)
    language = dict(LANGUAGE, head_dim=12, rope_parameters=dict(
        rope_type="default", rope_theta=10000.0, mrope_section=[2, 2, 2], mrope_interleaved=True))
    configuration, kind = Qwen3VLConfig, Qwen3VLForConditionalGeneration
    if mixture:
        configuration, kind = Qwen3VLMoeConfig, Qwen3VLMoeForConditionalGeneration
        language.update(num_hidden_layers=1, num_experts=2, num_experts_per_tok=1, moe_intermediate_size=8)
    model = kind(configuration(
        vision_config=dict(depth=4, hidden_size=24, intermediate_size=40, num_heads=2, patch_size=4,
                           num_position_embeddings=49, deepstack_visual_indexes=[0, 1, 2], out_hidden_size=24),
        text_config=language, **TOKENS, attn_implementation="eager"))
    randomize(model, torch.bfloat16)
    settings = {"size": {"shortest_edge": 1024, "longest_edge": 6144}, "patch_size": 4, "merge_size": 2,
                "temporal_patch_size": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    processor = Qwen3VLVideoProcessor(**settings)
    settings["video_processor_type"] = "Qwen3VLVideoProcessor"

    def trim(config):
        for key in ["hidden_act", "spatial_merge_size", "temporal_patch_size", "in_channels", "rope_parameters"]:
            config["vision_config"].pop(key, None)
    settings = {"video_preprocessor_config.json": settings}
    if mixture:
        # The tower is the same; a few states show that it is found.
        write("qwen3-vl-moe-bf16", modeling_qwen3_vl_moe, model, processor, settings, trim, torch.bfloat16, {}, [1, 2])
    else:
        write("qwen3-vl-bf16", modeling_qwen3_vl, model, processor, settings, trim, torch.bfloat16,
              {"exact": (40, 24), "resized": (130, 57)})


def videos():
    """Sizes and frames that the processors choose, over a spread of videos."""
    generator = np.random.default_rng(5)
    sizes, frames = [], []
    plain = [(1280, 720), (640, 360), (720, 1280), (320, 240), (3840, 2160), (448, 448), (42, 42), (70, 98), (17, 900)]
    odd = [tuple(int(v) for v in generator.integers(15, 2500, 2)) for _ in range(40)]
    for width, height in plain + odd:
        count = int(generator.integers(1, 900))
        for scope, fewest, most, side, cap in [
            ("frame", 128 * 28 * 28, 768 * 28 * 28, 28, None), ("frame", 3136, 12845056, 28, None),
            ("frame", 128 * 28 * 28, 768 * 28 * 28, 28, 128000),
            ("video", 128 * 32 * 32, 768 * 32 * 32, 32, None), ("video", 4096, 25165824, 32, None),
            ("video", 4096, 25165824, 32, 768),
        ]:
            count = max(count, 2)
            if max(width, height) / min(width, height) > 200:
                continue
            processor = (Qwen2VLVideoProcessor if scope == "frame" else Qwen3VLVideoProcessor)(
                size={"shortest_edge": fewest, "longest_edge": most}, cap_pixels_per_frame=bool(cap), patch_size=side // 2)
            patches = processor.get_num_of_video_patches(count, height, width, {})
            # The size itself, from the resize method on a video that takes no memory.
            video = torch.empty(1, dtype=torch.uint8).expand(1, count, 3, height, width)
            chosen = {}

            def record(image, size, resample, chosen=chosen, **_):
                chosen.update(height=size.height, width=size.width)
                return image
            base = transformers.video_processing_utils.BaseVideoProcessor.resize
            transformers.video_processing_utils.BaseVideoProcessor.resize = lambda self, **k: record(**k)
            processor.resize(video, transformers.image_utils.SizeDict(shortest_edge=fewest, longest_edge=most), None,
                             side, 2, cap_pixels_per_frame=bool(cap))
            transformers.video_processing_utils.BaseVideoProcessor.resize = base
            grid = -(-count // 2) * (chosen["height"] * 2 // side) * (chosen["width"] * 2 // side)
            if scope == "video" or not cap:
                assert grid == patches, (scope, cap, count, width, height, grid, patches)
            sizes.append([scope, fewest, most, side, cap or 0, count, width, height, chosen["width"], chosen["height"]])
    second = Qwen2VLVideoProcessor()
    third = Qwen3VLVideoProcessor()
    for total in [2, 3, 4, 5, 7, 8, 23, 60, 99, 100, 300, 301, 1000, 1801, 5391, 40000]:
        for rate in [8.0, 23.976, 25.0, 29.97, 30.0, 60.0]:
            for wanted in [{"fps": 2}, {"fps": 1}, {"fps": 0.3}, {"num_frames": 2}, {"num_frames": 7}, {"num_frames": 64}]:
                for name, processor in [("part starts", second), ("end to end", third)]:
                    count = wanted.get("num_frames")
                    if count and (count > total or round(count / 2) * 2 > total):
                        continue
                    metadata = VideoMetadata(total_num_frames=total, fps=rate)
                    indices = [int(i) for i in processor.sample_frames(metadata, **wanted)]
                    # As few numbers as show all: their number, their sum, and some of them.
                    frames.append([name, total, rate, wanted.get("fps", 0), count or 0, len(indices), sum(indices),
                                   indices[:: max(1, len(indices) // 5)]])
    (FIXTURES / "qwen-videos.json").write_text(json.dumps(
        {"made with": f"transformers {transformers.__version__}", "sizes": sizes, "frames": frames},
        separators=(",", ":")).replace("],[", "],\n[") + "\n")


if __name__ == "__main__":
    with torch.no_grad():
        qwen2_5()
        qwen3()
        qwen3(mixture=True)
        videos()
