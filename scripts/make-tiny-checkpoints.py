#!/usr/bin/env python3
"""Writes Tests/VisionEncodingTests/Fixtures/towers: tiny random checkpoints with what transformers computes from them.

Needs `pip install torch transformers safetensors`. Run it again only to add a family or to move to another version of
transformers; the tests read what it wrote and need no Python.

With `--full FOLDER` it writes full-size random checkpoints (SigLIP so400m/14-384 and CLIP L/14-336) there instead, with
expected values and the time that transformers took, for comparisons by hand.
"""
import argparse
import json
import pathlib
import shutil
import time

import torch
from safetensors.torch import save_file
from transformers import (
    CLIPConfig, CLIPModel, CLIPVisionConfig, CLIPVisionModel, LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration, SiglipConfig, SiglipModel, SiglipVisionConfig, SiglipVisionModel)

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "Tests/VisionEncodingTests/Fixtures/towers"


def randomize(model, dtype):
    """Weights large enough that attention is uneven and every bias and gain shows, rounded to what the file holds."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape)
            if "norm" in name and name.endswith("weight"):
                value = 1 + 0.2 * noise
            elif parameter.dim() >= 2 and "embedding.weight" not in name and "probe" not in name:
                value = noise * (1.2 / (parameter.numel() / parameter.shape[0]) ** 0.5)
            elif parameter.numel() == 1:
                value = parameter
            else:
                value = 0.3 * noise
            parameter.copy_(value.to(dtype).float())
    return model.eval()


def layer_statistics(index, attention, values, classes):
    """What methods read of one layer: attentions [B, heads, n, n] and values [B, n, width]."""
    count, heads = attention.shape[:2]
    split = values.reshape(count, values.shape[1], heads, -1).transpose(1, 2)
    expected = {f"received.{index}": attention.mean(1).mean(1), f"value_norms.{index}": split.mean(1).abs().sum(2)}
    if classes:
        expected[f"class_attention.{index}"] = attention[:, :, 0].mean(1)
        alike = torch.softmax(split[:, :, :1] @ split.transpose(2, 3), dim=3)
        expected[f"semantic_attention.{index}"] = alike.mean(1)[:, 0]
    return expected


def vision_expectations(tower, pixels, classes=False, head=None):
    """Hidden states and attention statistics of every layer, and the pooled output."""
    core = getattr(tower, "vision_model", tower)
    values, probe = [], {}
    hooks = [layer.self_attn.v_proj.register_forward_hook(lambda module, inputs, output: values.append(output.detach()))
             for layer in core.encoder.layers]
    if head is not None:
        def attend(module, args, kwargs):
            probe["inputs"] = args
        hooks.append(head.attention.register_forward_pre_hook(attend, with_kwargs=True))
    output = tower(pixel_values=pixels, output_hidden_states=True, output_attentions=True)
    for hook in hooks:
        hook.remove()
    expected = {f"hidden.{i}": state for i, state in enumerate(output.hidden_states)}
    expected["last_hidden_state"] = output.last_hidden_state
    if output.pooler_output is not None:
        expected["pooler_output"] = output.pooler_output
    for index, attention in enumerate(output.attentions):
        expected.update(layer_statistics(index, attention, values[index], classes))
    if head is not None:
        query, keys, values = probe["inputs"]
        heads = output.attentions[0].shape[1]
        _, weights = torch.nn.functional.multi_head_attention_forward(
            query.transpose(0, 1), keys.transpose(0, 1), values.transpose(0, 1), query.shape[2], heads,
            head.attention.in_proj_weight, head.attention.in_proj_bias, None, None, False, 0.0,
            head.attention.out_proj.weight, head.attention.out_proj.bias, training=False, need_weights=True)
        expected["probe_attention"] = weights[:, 0]
        tokens = expected["last_hidden_state"]
        expected["shared"] = torch.stack([
            torch.stack([head(token[None, None])[0] for token in frame]) for frame in tokens])
    return expected


def preprocessing(name, side):
    """The file that says how pictures become pixels, as the published checkpoints of the family have it."""
    if name.startswith("clip"):
        return {"image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": {"shortest_edge": side},
                "do_center_crop": True, "crop_size": {"height": side, "width": side}, "resample": 3,
                "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
    return {"image_processor_type": "SiglipImageProcessor", "do_resize": True, "size": {"height": side, "width": side},
            "resample": 3, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def write(name, model, expected, config=None, **options):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, **options)
    for extra in ["generation_config.json"]:
        (folder / extra).unlink(missing_ok=True)
    if config is not None:
        text = json.loads((folder / "config.json").read_text())
        config(text)
        (folder / "config.json").write_text(json.dumps(text, indent=1) + "\n")
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessing(name, expected["pixels"].shape[-1])))
    save_file({key: value.detach().float().contiguous().clone() if value.is_floating_point() else value.contiguous().clone()
               for key, value in expected.items()}, folder / "expected.safetensors")


def clip():
    torch.manual_seed(1)
    model = CLIPModel(CLIPConfig(
        vision_config=dict(hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
                           image_size=40, patch_size=8),
        text_config=dict(hidden_size=24, intermediate_size=48, num_hidden_layers=2, num_attention_heads=3,
                         vocab_size=99, max_position_embeddings=13, eos_token_id=2, bos_token_id=0, pad_token_id=1),
        projection_dim=20, attn_implementation="eager"))
    randomize(model, torch.float32)
    pixels = torch.randn(2, 3, 40, 40)
    expected = vision_expectations(model.vision_model, pixels, classes=True)
    expected["shared"] = model.visual_projection(
        model.vision_model.post_layernorm(expected["last_hidden_state"][:, 1:]))
    expected["image_embeddings"] = model.visual_projection(expected["pooler_output"])
    # The end token 98 is the highest id, and pads what follows it.
    ids = torch.tensor([[97, 5, 17, 98] + [98] * 9, [97] + list(range(20, 31)) + [98], [97, 98] + [98] * 11])
    text = model.text_model(input_ids=ids)
    expected.update(pixels=pixels, ids=ids.int(), text_embeddings=model.text_projection(text.pooler_output))

    def trim(config):
        # As the published files: values equal to the class defaults are left out.
        for part in ["vision_config", "text_config"]:
            for key in ["hidden_act", "layer_norm_eps", "num_channels", "projection_dim"]:
                config[part].pop(key, None)
    write("clip", model, expected, trim)


def clip_vision():
    torch.manual_seed(2)
    model = CLIPVisionModel(CLIPVisionConfig(
        hidden_size=30, intermediate_size=44, num_hidden_layers=2, num_attention_heads=2, image_size=21, patch_size=7,
        hidden_act="gelu", attn_implementation="eager"))
    randomize(model, torch.bfloat16)
    pixels = torch.randn(1, 3, 21, 21)
    expected = vision_expectations(model, pixels, classes=True)
    expected["pixels"] = pixels
    write("clip-vision-bf16", model.to(torch.bfloat16), expected)


def siglip():
    torch.manual_seed(3)
    model = SiglipModel(SiglipConfig(
        vision_config=dict(hidden_size=36, intermediate_size=50, num_hidden_layers=3, num_attention_heads=3,
                           image_size=44, patch_size=8, attn_implementation="eager"),
        text_config=dict(hidden_size=28, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2,
                         vocab_size=77, max_position_embeddings=11, projection_size=36),
        attn_implementation="eager"))
    randomize(model, torch.float32)
    pixels = torch.randn(2, 3, 44, 44)
    expected = vision_expectations(model.vision_model, pixels, head=model.vision_model.head)
    ids = torch.tensor([[3, 9, 27] + [1] * 8, list(range(30, 41))])
    expected.update(pixels=pixels, ids=ids.int(),
                    text_embeddings=model.text_model(input_ids=ids).pooler_output)
    write("siglip", model, expected)


def siglip_vision():
    torch.manual_seed(4)
    model = SiglipVisionModel(SiglipVisionConfig(
        hidden_size=24, intermediate_size=36, num_hidden_layers=2, num_attention_heads=2, image_size=24, patch_size=8,
        attn_implementation="eager"))
    randomize(model, torch.float16)
    pixels = torch.randn(1, 3, 24, 24)
    core = getattr(model, "vision_model", model)
    expected = vision_expectations(model, pixels, head=core.head)
    expected["pixels"] = pixels
    write("siglip-vision-f16", model.to(torch.float16), expected)


def llava_onevision():
    torch.manual_seed(5)
    model = LlavaOnevisionForConditionalGeneration(LlavaOnevisionConfig(
        vision_config=dict(model_type="siglip_vision_model", hidden_size=36, intermediate_size=44, num_hidden_layers=3,
                           num_attention_heads=3, image_size=40, patch_size=8, vision_use_head=False),
        text_config=dict(model_type="qwen2", hidden_size=20, intermediate_size=24, num_hidden_layers=1,
                         num_attention_heads=2, num_key_value_heads=1, vocab_size=64),
        image_token_index=62, video_token_index=63, attn_implementation="eager"))
    randomize(model, torch.float16)
    inner = model.model
    pixels = torch.randn(2, 3, 40, 40)
    expected = vision_expectations(inner.vision_tower, pixels)
    expected["projected"] = inner.multi_modal_projector(expected["hidden.3"])
    expected["received_pooled"] = torch.nn.functional.interpolate(
        expected["received.2"].reshape(2, 1, 5, 5), size=[3, 3], mode="bilinear")[:, 0]
    features = inner.get_video_features(
        pixels[None], vision_feature_layer=-1, vision_feature_select_strategy="full", return_dict=True).pooler_output
    features = (features if torch.is_tensor(features) else features[0]).reshape(-1, 20)
    # One vector, the newline, ends the video.
    assert torch.equal(features[-1], inner.image_newline)
    expected.update(pixels=pixels, pooled=features[:-1].reshape(2, 9, 20), image_newline=inner.image_newline)

    def trim(config):
        for key in ["vision_feature_layer", "vision_feature_select_strategy", "projector_hidden_act"]:
            config.pop(key, None)
    write("llava-onevision-f16", model.to(torch.float16), expected, trim, max_shard_size="40KB")


def pixel_change():
    """RLT's difference of two pictures, normalised and averaged over 7 x 5 patches of 6 x 8 pixels."""
    rows, columns, height, width = 7, 5, 6, 8
    count = rows * height * columns * width * 3
    pictures = [torch.tensor([(i * step ^ i >> 5) & 255 for i in range(count)], dtype=torch.uint8) for step in (37, 91)]
    deviation = torch.tensor([0.229, 0.224, 0.225])
    now, before = (p.reshape(rows * height, columns * width, 3).double() / 255 / deviation for p in pictures)
    change = (now - before).abs().permute(2, 0, 1)[None]
    change = torch.nn.functional.avg_pool2d(change, (height, width)).mean(1)[0]
    save_file({"change": change.float().contiguous()}, FOLDER.parent / "pixel-change.safetensors")


def timed(model, pixels):
    with torch.no_grad():
        model(pixel_values=pixels)
        start = time.perf_counter()
        output = model(pixel_values=pixels, output_hidden_states=True)
        return output, time.perf_counter() - start


def full(folder):
    """Random weights at full size, with small gains so that 27 layers of them stay finite and varied."""
    torch.set_num_threads(2)
    makers = {
        "siglip-so400m-patch14-384": lambda: SiglipVisionModel(SiglipVisionConfig(
            hidden_size=1152, intermediate_size=4304, num_hidden_layers=27, num_attention_heads=16, image_size=384,
            patch_size=14)),
        "clip-vit-large-patch14-336": lambda: CLIPVisionModel(CLIPVisionConfig(
            hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=336,
            patch_size=14, projection_dim=768)),
    }
    for name, make in makers.items():
        torch.manual_seed(7)
        model = randomize(make(), torch.float32)
        size = model.config.image_size
        pixels = torch.randn(1, 3, size, size)
        output, seconds = timed(model, pixels)
        print(name, f"{seconds:.2f} s a frame in transformers, f32, {torch.get_num_threads()} threads")
        model.save_pretrained(folder / name)
        (folder / name / "preprocessor_config.json").write_text(json.dumps(preprocessing(name, size)))
        states = output.hidden_states
        save_file({"pixels": pixels, "hidden.1": states[1].contiguous().clone(),
                   f"hidden.{len(states) - 1}": states[-1].contiguous().clone(),
                   "last_hidden_state": output.last_hidden_state.contiguous().clone(),
                   "pooler_output": output.pooler_output.contiguous().clone()}, folder / name / "expected.safetensors")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", type=pathlib.Path)
    arguments = parser.parse_args()
    with torch.no_grad():
        if arguments.full:
            full(arguments.full)
        else:
            for family in [clip, clip_vision, siglip, siglip_vision, llava_onevision, pixel_change]:
                family()
