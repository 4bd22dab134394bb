"""The Python package against the library that TOKENREEL_LIBRARY names, or the installed one; needs numpy.

Tests that need scipy, torch or transformers are skipped without them.
"""
from __future__ import annotations

import base64
import concurrent.futures
import gc
import importlib.util
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Callable

import numpy

import tokenreel

PACKAGE = Path(__file__).resolve().parents[3]
CLIP = os.environ.get("TOKENREEL_CLIP", str(PACKAGE / "Samples/clip.mp4"))


def has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def grid(*shape: int) -> numpy.ndarray:
    """Frames that hardly differ, with a token here and there that does."""
    numbers = numpy.random.default_rng(7)
    still = numpy.broadcast_to(numbers.standard_normal(shape[1:]), shape)
    return (still + (numbers.random(shape[:-1]) < 0.2)[..., None] * numbers.standard_normal(shape)).astype("f4")


class ReducingTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.model = tokenreel.Model(tokens=40)
        cls.grid = grid(6, 8, 8, 32)
        cls.result = cls.model.reduce(cls.grid)

    def test_a_video_becomes_a_file_of_tokens(self) -> None:
        result = self.model.reduce(CLIP, fps=2, keep=0.05, source_name="a clip")
        count = round(0.05 * 24 * 196)
        self.assertEqual(result.tokens.shape, (count, 80))
        self.assertEqual(result.positions.shape, (count, 3))
        self.assertEqual(result.owners.shape, (24, 14, 14))
        self.assertEqual(result.metadata["source"], "a clip")
        self.assertGreater(result.report["quality"]["coverage"], 0.9)
        self.assertEqual(set(result), set(result.keys()))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tokens.safetensors"
            result.write(path, "f32")
            again = tokenreel.load(path)
            self.assertEqual(set(again), set(result))
            for name, array in result.items():
                numpy.testing.assert_array_equal(array, again[name], name)
            self.assertEqual(again.metadata, result.metadata)
            self.assertIsNone(again.report)

    def test_figures_of_quality_can_be_left_out(self) -> None:
        result = self.model.reduce(self.grid, measure=False)
        self.assertIsNone(result.report["quality"]["coverage"])
        numpy.testing.assert_array_equal(result.tokens, self.result.tokens)

    def test_the_same_numbers_in_any_form_give_the_same_tokens(self) -> None:
        wide = self.grid.astype("f8")
        forms = {
            "f8": wide, "big-endian": self.grid.astype(">f4"), "Fortran's order": numpy.asfortranarray(self.grid),
            "flat frames": self.grid.reshape(6, 64, 32), "backwards": self.grid[:, ::-1, ::-1][:, ::-1, ::-1],
            "reversed memory": numpy.ascontiguousarray(self.grid[::-1])[::-1], "lists": self.grid.tolist(),
            "every other number": numpy.repeat(self.grid, 2, axis=3)[..., ::2], "memory view": memoryview(self.grid),
        }
        record = numpy.zeros(self.grid.shape, [("pad", "u1"), ("value", "f4")])
        record["value"] = self.grid
        forms["crooked"] = record["value"]
        for name, form in forms.items():
            numpy.testing.assert_array_equal(self.model.reduce(form).tokens, self.result.tokens, name)
        half = self.model.reduce(self.grid.astype("f2"))
        numpy.testing.assert_array_equal(
            half.tokens, self.model.reduce(self.grid.astype("f2").astype("f4")).tokens)

    def test_signals_and_queries_go_with_the_tokens(self) -> None:
        times = numpy.array([0, 1, 2, 5, 6, 7.5])
        result = self.model.reduce(self.grid, signals={"frame_times": times}, query=self.grid[0, 0, :2])
        numpy.testing.assert_array_equal(result["frame_times"], times)
        self.assertEqual(result["relevance"].shape, (40,))
        with self.assertRaises(tokenreel.MissingSignalError):
            self.model.reduce(self.grid, method="visionzip")
        with self.assertRaises(tokenreel.MissingSignalError):
            self.model.reduce(self.grid, query="a dog")

    def test_arrays_are_views_that_keep_their_memory(self) -> None:
        result = self.model.reduce(self.grid)
        tokens, offsets = result.tokens, result.plan.offsets
        self.assertEqual(tokens.ctypes.data, result.tokens.ctypes.data)
        self.assertFalse(tokens.flags.writeable)
        before = tokens.copy()
        del result
        gc.collect()
        others = [self.model.reduce(-self.grid) for _ in range(8)]
        numpy.testing.assert_array_equal(tokens, before)
        self.assertEqual(offsets[-1], len(self.result["plan.sources"]))
        del others

    def test_a_grid_without_frames_has_no_tokens(self) -> None:
        result = self.model.reduce(numpy.zeros((0, 4, 4, 8), "f4"))
        self.assertEqual(result.tokens.shape, (0, 8))
        self.assertEqual(result.plan.apply(numpy.zeros((0, 3), "f4")).shape, (0, 3))

    def test_the_plan_reduces_other_features(self) -> None:
        plan = self.result.plan
        self.assertEqual(plan.shape, (40, 384))
        numpy.testing.assert_allclose(plan.apply(self.grid), self.result.tokens, atol=1e-5)
        numpy.testing.assert_allclose(plan.apply(self.grid.reshape(384, 32)), self.result.tokens, atol=1e-5)
        self.assertEqual(plan.apply(numpy.ones((6, 8, 8, 2, 3), "f8")).shape, (40, 2, 3))
        dense = numpy.zeros(plan.shape)
        for row in range(40):
            for entry in range(plan.offsets[row], plan.offsets[row + 1]):
                dense[row, plan.sources[entry]] = plan.weights[entry]
        other = numpy.random.default_rng(1).standard_normal((384, 5))
        numpy.testing.assert_allclose(plan.apply(other), dense @ other, atol=1e-12)
        with self.assertRaises(ValueError):
            plan.apply(other[1:])

    @unittest.skipUnless(has("scipy"), "needs scipy")
    def test_the_plan_is_a_sparse_matrix(self) -> None:
        matrix = self.result.plan.csr()
        self.assertTrue(numpy.shares_memory(matrix.data, self.result["plan.weights"]))
        numpy.testing.assert_allclose(matrix @ self.grid.reshape(384, 32), self.result.tokens, atol=1e-5)

    @unittest.skipUnless(has("torch"), "needs torch")
    def test_torch_tensors_go_in_and_out(self) -> None:
        import torch

        tensor = torch.from_numpy(self.grid)
        turned = tensor.permute(3, 0, 1, 2).contiguous().permute(1, 2, 3, 0)
        for form in [tensor, tensor.double(), turned, tensor.clone().requires_grad_()]:
            numpy.testing.assert_array_equal(self.model.reduce(form).tokens, self.result.tokens)
        brain = tensor.bfloat16()
        numpy.testing.assert_array_equal(self.model.reduce(brain).tokens, self.model.reduce(brain.float()).tokens)

        tokens = self.result.to_torch()
        self.assertEqual(tokens.data_ptr(), self.result.tokens.ctypes.data)
        plan = self.result.plan
        torch.testing.assert_close(plan.apply(tensor), tokens)
        torch.testing.assert_close(plan.to_torch() @ tensor.reshape(384, 32), tokens)
        self.assertEqual(plan.apply(brain).dtype, torch.bfloat16)
        torch.testing.assert_close(plan.apply(brain).float(), tokens, atol=0.05, rtol=0.05)
        features = tensor.clone().requires_grad_()
        plan.apply(features).sum().backward()
        by_column = numpy.bincount(plan.sources, plan.weights, 384)
        torch.testing.assert_close(features.grad[..., 0].flatten(), torch.tensor(by_column, dtype=torch.float32))

    def test_threads_share_a_model(self) -> None:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for result in pool.map(lambda _: self.model.reduce(self.grid, threads=1), range(16)):
                numpy.testing.assert_array_equal(result.tokens, self.result.tokens)

    def test_errors_are_exceptions_by_kind(self) -> None:
        with self.assertRaises(tokenreel.UnreadableInputError) as caught:
            self.model.reduce("/nowhere.mp4")
        self.assertEqual((caught.exception.code, caught.exception.subject), ("unreadable-input", "/nowhere.mp4"))
        self.assertIn("No such file", str(caught.exception))
        with self.assertRaises(tokenreel.LimitExceededError):
            self.model.reduce(CLIP, max_frames=2)
        with self.assertRaises(tokenreel.InputOutputError):
            self.result.write("/nowhere/tokens.safetensors")
        for wrong in [{"keep": 2.0}, {"method": "none"}, {"keep": 0.5, "tokens": 3}, {"set": {"no": 1}}]:
            with self.assertRaises(ValueError) as caught:
                self.model.reduce(self.grid, **wrong)
            self.assertIsInstance(caught.exception, tokenreel.InvalidArgumentError)
        with self.assertRaises(tokenreel.InvalidArgumentError):
            tokenreel.Model(kept=0.1)
        for wrong in [self.grid.astype("c8"), numpy.array(["a"]), None]:
            with self.assertRaises(TypeError):
                self.model.reduce(wrong)
        with self.assertRaises(TypeError):
            self.model.reduce(CLIP, signals={"saliency": self.grid[..., 0]})
        with self.assertRaises(KeyError):
            self.result["nothing"]

    def test_an_interrupt_ends_the_work(self) -> None:
        # Whoever started the tests may have had the signal ignored.
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        with tempfile.TemporaryDirectory() as folder:
            silent = Path(folder) / "pipe"
            os.mkfifo(silent)
            # Held open for writing, the pipe neither ends nor brings anything.
            writer = os.open(silent, os.O_RDWR)
            threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
            start = time.monotonic()
            with self.assertRaises(KeyboardInterrupt):
                self.model.reduce(silent)
            self.assertLess(time.monotonic() - start, 10)
            os.close(writer)

    def test_methods_are_listed(self) -> None:
        methods = {method["name"]: method for method in tokenreel.methods()}
        self.assertTrue(methods["tokenreel"]["default"])
        self.assertIn("parameters", methods["holitom"])
        self.assertRegex(tokenreel.version(), r"^\d+\.\d+\.\d+")


class StreamTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.model = tokenreel.Model(grid=(6, 8), keep=0.1, threads=1)
        cls.frames = numpy.full((30, 64, 96, 3), 60, numpy.uint8)
        for number, frame in enumerate(cls.frames):
            frame[4 * (number // 6) :][:24, 10:40] = 40 * (number // 6)

    def test_segments_come_as_they_are_finished(self) -> None:
        seconds = 5 + 0.25 * numpy.arange(30)
        segments = list(self.model.segments(zip(self.frames, seconds), window=8))
        self.assertGreater(len(segments), 3)
        self.assertEqual(sum(len(segment.tokens) for segment in segments), 30 * 48 // 10)
        numpy.testing.assert_array_equal(numpy.concatenate([segment["frame_times"] for segment in segments]), seconds)
        firsts = numpy.cumsum([0] + [len(segment["frame_times"]) for segment in segments])
        self.assertEqual([segment.report["first_frame"] for segment in segments], firsts[:-1].tolist())

    def test_any_memory_will_do(self) -> None:
        def tokens(frames: list[numpy.ndarray]) -> numpy.ndarray:
            return numpy.concatenate([part.tokens for part in self.model.segments(zip(frames, range(30)), window=8)])

        padded = numpy.zeros((30, 64, 128, 3), numpy.uint8)
        padded[:, :, :96] = self.frames
        for form in [padded[:, :, :96], self.frames[:, ::-1].copy()[:, ::-1], self.frames[..., ::-1].copy()[..., ::-1]]:
            numpy.testing.assert_array_equal(tokens(form), tokens(self.frames))

    def test_a_stream_is_pushed_and_polled_by_hand(self) -> None:
        with self.model.stream(window=4) as stream:
            self.assertIsNone(stream.poll())
            for number in range(4):
                stream.push(self.frames[0], number)
            self.assertEqual(len(stream.poll(60).tokens), round(0.1 * 4 * 48))
            with self.assertRaises(tokenreel.InvalidArgumentError):
                stream.push(self.frames[0], 3)
            with self.assertRaises(TypeError):
                stream.push(self.frames[0].astype("f4"), 4)
            stream.finish()
            self.assertFalse(stream.ended)
            self.assertIsNone(stream.poll(60))
            self.assertTrue(stream.ended)
            self.assertEqual(list(stream), [])
        with self.assertRaises(tokenreel.InvalidArgumentError):
            stream.poll()
        with self.assertRaises(tokenreel.InvalidArgumentError):
            self.model.stream(tokens=5)


@unittest.skipUnless(has("torch") and has("transformers"), "needs torch and transformers")
class RuntimeTests(unittest.TestCase):
    """Tiny random models read a result as they read the file of the same tokens by the samples' own way."""

    @classmethod
    def setUpClass(cls) -> None:
        sys.path.insert(0, str(PACKAGE / "Samples"))
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)

    def script(self, name: str, *arguments: object) -> None:
        command = [sys.executable, "-B", str(PACKAGE / "scripts" / name), *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True)

    def logits(self, family: str, checkpoint: Path, sample: Callable) -> None:
        import torch
        from transformers import AutoModelForImageTextToText, AutoTokenizer

        result = tokenreel.Model(checkpoint, keep=0.25).reduce(CLIP, frames=6)
        path = str(self.folder / family)
        result.write(path, "f32")
        tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        model = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype=torch.float32).eval()
        with torch.no_grad():
            ours = model(**tokenreel.for_transformers(result, model, tokenizer, "w4 w5")).logits
            theirs = model(**sample(model, tokenizer, path)).logits
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
        with self.assertRaises(ValueError):
            tokenreel.for_transformers(tokenreel.Model(tokens=9).reduce(CLIP), model, tokenizer, "w4 w5")

    def test_llava_onevision(self) -> None:
        from consume_transformers import llava_inputs, text_ids
        from token_file import read_tokens

        checkpoint = self.folder / "llava"
        shutil.copytree(PACKAGE / "Tests/VisionEncodingTests/Fixtures/towers/llava-onevision-f16", checkpoint)
        self.script("check-consumers.py", "prepare", checkpoint)
        self.logits("llava-onevision", checkpoint, lambda model, tokenizer, path: llava_inputs(
            model, text_ids(tokenizer, "w4 w5", "llava-onevision"), read_tokens(path, "pt"), "embeddings"))

        result = tokenreel.Model(checkpoint, tokens=7).reduce(CLIP, frames=5)
        embeddings = tokenreel.video_embeddings(result)
        numpy.testing.assert_array_equal(tokenreel.for_vllm(result, "w4")["multi_modal_data"]["image"][0], embeddings)
        body = tokenreel.for_vllm_server(result, "What?", "name", dtype="f4", max_tokens=5)
        part = body["messages"][0]["content"][0]
        numpy.testing.assert_array_equal(numpy.load(io.BytesIO(base64.b64decode(part["image_embeds"]))), embeddings)
        self.assertEqual((body["model"], body["max_tokens"], part["type"]), ("name", 5, "image_embeds"))

    def test_qwen(self) -> None:
        from consume_transformers import qwen_inputs, text_ids
        from token_file import read_qwen

        for family in ["qwen2.5-vl", "qwen3-vl"]:
            with self.subTest(family):
                folder = self.folder / (family + "-made")
                folder.mkdir()
                self.script("check-qwen-consumers.py", "make", family, folder)
                self.logits(family, folder / "checkpoint", lambda model, tokenizer, path: qwen_inputs(
                    model, tokenizer, text_ids(tokenizer, "w4 w5", family), read_qwen(path, "pt"), "encoder-outputs"))


class CostTests(unittest.TestCase):
    def test_importing_takes_little(self) -> None:
        program = "import time; start = time.process_time(); import tokenreel; print(time.process_time() - start)"
        seconds = min(float(subprocess.check_output([sys.executable, "-c", program])) for _ in range(3))
        self.assertLess(seconds, 0.3)

    def test_a_call_takes_hardly_longer_than_its_stages(self) -> None:
        tokens = grid(16, 14, 14, 1792)
        model = tokenreel.Model(keep=0.1, threads=1)
        shares = []
        for _ in range(3):
            start = time.perf_counter()
            result = model.reduce(tokens)
            seconds = time.perf_counter() - start
            shares.append(seconds / sum(result.report["seconds"]["stages"].values()))
        self.assertLess(min(shares), 1.1)


if __name__ == "__main__":
    unittest.main()
