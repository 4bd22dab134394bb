#!/usr/bin/env python3
"""Writes the positions that the programs which run Qwen-VL give to prompts with a video.

    make-position-fixtures.py TRANSFORMERS_4 VLLM    (needs torch and transformers 5)

TRANSFORMERS_4 and VLLM are folders with the unpacked packages of transformers 4.57 and vLLM 0.33, such as
`pip download --no-deps` and unzip leave; of each only the functions that compute positions are run, so nothing that
they depend on is needed. The file goes to Tests/TokenReelTests/Positions/Fixtures/.

Every case is one prompt: `texts[i]` text ids before block i of the video (one block for Qwen2.5-VL, one for each
temporal group for Qwen3-VL), then `tail` text ids. Where vLLM prunes, `kept` are the tokens left of
`embeddings`.
"""
from __future__ import annotations

import __future__
import ast
import functools
import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace as Namespace

import numpy as np
import torch
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLModel

FIXTURE = Path(__file__).resolve().parent.parent / "Tests/TokenReelTests/Positions/Fixtures/positions.json"
TEXT, START, END, VIDEO, IMAGE = 1, 2, 3, 4, 5
LEAD, TAIL = 3, 4
CHANNELS = 6

# Patches in time, rows and columns; sampled frames a second; what the model counts for a second.
GRIDS = [((4, 8, 12), 2.0, 2), ((5, 12, 4), 1.0, 2), ((7, 6, 6), 4.0, 2), ((6, 4, 10), 1.7, 4), ((9, 4, 4), 0.9, 25),
         ((1, 8, 8), 2.0, 2), ((40, 2, 2), 29.97 / 11, 3),
         # Single and double precision differ here by a whole position.
         ((7, 4, 4), 0.3, 2)]


def borrow(path: Path, owner: str, names: list[str], **others) -> Namespace:
    """Functions of a class, compiled on their own."""
    scope = {"torch": torch, "np": np} | others
    tree = ast.parse(path.read_text())
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == owner).body
    functions = [node for node in body if isinstance(node, ast.FunctionDef) and node.name in names]
    for function in functions:
        function.decorator_list = []
    code = compile(ast.Module(functions, []), str(path), "exec", __future__.annotations.compiler_flag)
    exec(code, scope)
    return Namespace(**{name: scope[name] for name in names})


def configuration(tokens_per_second: int) -> Namespace:
    vision = Namespace(spatial_merge_size=2, tokens_per_second=tokens_per_second)
    return Namespace(vision_config=vision, image_token_id=IMAGE, video_token_id=VIDEO, vision_start_token_id=START,
                     vision_end_token_id=END)


def prompt(texts: list[int], tokens: list[int], ends: bool) -> torch.Tensor:
    """Ids of a prompt; with `ends` each text but the first begins with the end of vision."""
    ids = []
    for index, (text, count) in enumerate(zip(texts, tokens)):
        begins = ends and index > 0
        ids += [END] * begins + [TEXT] * (text - 1 - begins) + [START] + [VIDEO] * count
    return torch.tensor(ids + [END] + [TEXT] * (TAIL - 1))


def feature(ids: torch.Tensor, grid: tuple, seconds: torch.Tensor, offset: int) -> Namespace:
    data = {"video_grid_thw": Namespace(data=torch.tensor(grid)), "second_per_grid_ts": Namespace(data=seconds[0])}
    return Namespace(mm_position=Namespace(offset=offset), modality="video", data=data)


class Programs:
    """One method for each rule: positions [3, S] of ids."""

    def __init__(self, transformers4: Path, vllm: Path, family: str):
        self.is_qwen3 = family == "qwen3-vl"
        name = "qwen3_vl" if self.is_qwen3 else "qwen2_5_vl"
        self.current = Qwen3VLModel if self.is_qwen3 else Qwen2_5_VLModel
        owner = "Qwen3VLModel" if self.is_qwen3 else "Qwen2_5_VLModel"
        old = transformers4 / "transformers/models" / name / f"modeling_{name}.py"
        self.old = borrow(old, owner, ["get_rope_index"])
        server = vllm / "vllm/model_executor/models" / f"{name}.py"
        if self.is_qwen3:
            scope = {"Qwen3VLForConditionalGeneration": Namespace()}
            self.server = borrow(server, "Qwen3VLForConditionalGeneration",
                                 ["_get_mrope_input_positions", "_iter_mm_grid_hw"], **scope)
            self.server._get_mrope_input_positions.__globals__["Qwen3VLForConditionalGeneration"] = self.server
        else:
            self.server = borrow(server, "Qwen2_5_VLForConditionalGeneration",
                                 ["get_mrope_input_positions", "iter_mm_grid_thw"])
        specification = importlib.util.spec_from_file_location("evs", vllm / "vllm/multimodal/video_prune/evs.py")
        self.evs = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(self.evs)

    def transformers5(self, ids, grid, seconds, config):
        model = Namespace(config=config)
        model.get_vision_position_ids = functools.partial(self.current.get_vision_position_ids, model)
        more = {} if self.is_qwen3 else {"second_per_grid_ts": seconds}
        return self.current.get_rope_index(
            model, ids[None], (2 * (ids == VIDEO))[None].int(), video_grid_thw=torch.tensor([grid]), **more)[0][:, 0]

    def transformers4(self, ids, grid, seconds, config):
        more = {} if self.is_qwen3 else {"second_per_grid_ts": seconds}
        return self.old.get_rope_index(
            Namespace(config=config), ids[None], video_grid_thw=torch.tensor([grid]), **more)[0][:, 0]

    def vllm(self, ids, grid, seconds, config):
        offset = ids.tolist().index(START if self.is_qwen3 else VIDEO)
        features = [feature(ids, grid, seconds, offset)]
        if self.is_qwen3:
            return self.server._get_mrope_input_positions(ids.tolist(), features, config)[0]
        model = Namespace(config=config)
        model.iter_mm_grid_thw = functools.partial(self.server.iter_mm_grid_thw, model)
        return self.server.get_mrope_input_positions(model, ids.tolist(), features)[0]

    def vllm_evs(self, full, pruned, kept, grid, seconds, config, texts):
        """Positions of the pruned prompt: those of its video as in the full one, and the text moved behind it."""
        if self.is_qwen3:
            # What stands for the video begins with the first time and ends with the last end of vision.
            lead = LEAD
            original = self.vllm(full[lead:], grid, seconds, config).T
            is_video = full[lead:] == VIDEO
            stays = ~is_video
            stays[is_video.nonzero()[:, 0][kept]] = True
            ends = int((full[lead:] == END).nonzero()[-1])
            stays[ends + 1:] = False
            ids = full[lead:][stays]
            media = torch.cat([original[stays], (ids == START)[:, None], (ids == VIDEO)[:, None]], 1)
        else:
            # The model drops the fraction of the seconds before it asks for positions.
            media = self.evs.compute_mrope_for_media(
                torch.tensor(grid), 2, config.vision_config.tokens_per_second, seconds.long()[0].item())[kept]
        before = torch.arange(len(pruned)).expand(3, -1)
        return self.evs.recompute_mrope_positions(pruned, [media.T], before, 0, START, IMAGE, VIDEO)[0]


def embeddings(groups: int, cells: int, seed: int) -> torch.Tensor:
    """Tokens of which some groups barely change."""
    random = np.random.default_rng(seed)
    scene = random.normal(size=(cells, CHANNELS))
    tokens = []
    for group in range(groups):
        scene = scene + random.normal(size=scene.shape) * (0.02 if group % 3 else 0.8)
        tokens.append(scene)
    return torch.tensor(np.stack(tokens).round(4), dtype=torch.float32)


def cases(transformers4: Path, vllm: Path) -> list[dict]:
    found = []
    for family in ["qwen2.5-vl", "qwen3-vl"]:
        programs = Programs(transformers4, vllm, family)
        for index, (grid, fps, tokens_per_second) in enumerate(GRIDS):
            groups, cells = grid[0], grid[1] * grid[2] // 4
            # A time of one digit before the point takes fewer ids than one of two.
            texts = [LEAD + 6] + [7 + (i >= 10) for i in range(1, groups)] if programs.is_qwen3 else [LEAD + 1]
            blocks = groups if programs.is_qwen3 else 1
            full = prompt(texts, [groups * cells // blocks] * blocks, programs.is_qwen3)
            seconds = torch.tensor([2 / fps])
            config = configuration(tokens_per_second)
            facts = {"family": family, "temporal_patch_size": "2", "spatial_merge_size": "2", "fps": repr(fps),
                     "tokens_per_second": str(tokens_per_second)}
            case = {"metadata": facts, "grid": [groups, grid[1] // 2, grid[2] // 2], "texts": texts, "tail": TAIL}
            for rule, positions in [("transformers-5", programs.transformers5),
                                    ("transformers-4", programs.transformers4), ("vllm", programs.vllm)]:
                numbers = positions(full, grid, seconds, config)
                found.append(case | {"rule": rule, "positions": numbers.tolist()})
            rate = 0.7
            tokens = embeddings(groups, cells, index)
            mask = programs.evs.compute_retention_mask(tokens.flatten(0, 1), grid, 2, rate)
            kept = mask.nonzero()[:, 0]
            if groups > 1:
                pairs = tokens[1:].double(), tokens[:-1].double()
                change = (1 - torch.nn.functional.cosine_similarity(*pairs, -1)).flatten()
                dropped, taken = change[~mask[cells:]].max(), change[mask[cells:]]
                assert not len(taken) or taken.min() - dropped > 1e-5, "too close to call"
            counts = mask.reshape(blocks, -1).sum(1).tolist()
            pruned = prompt(texts, counts, programs.is_qwen3)
            numbers = programs.vllm_evs(full, pruned, kept, grid, seconds, config, texts)
            found.append(case | {"rule": "vllm-evs", "rate": rate, "kept": kept.tolist(),
                                 "embeddings": [round(x, 4) for x in tokens.flatten().tolist()],
                                 "positions": numbers.tolist()})
    assert any(0 in np.bincount([k // (c["grid"][1] * c["grid"][2]) for k in c["kept"]], minlength=c["grid"][0])
               for c in found if "kept" in c and c["metadata"]["family"] == "qwen3-vl"), "no group lost all its tokens"
    return found


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    FIXTURE.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(case, separators=(",", ":")) for case in cases(Path(sys.argv[1]), Path(sys.argv[2]))]
    FIXTURE.write_text("[\n" + ",\n".join(lines) + "\n]\n")
