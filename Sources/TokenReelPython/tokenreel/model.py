"""Models, and reducing with them."""
from __future__ import annotations

import ctypes
import json
import os
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Mapping, cast

from . import _library
from ._library import made
from ._tensors import Arguments
from .options import CallOptions, ModelOptions, Path, StreamOptions, encoded
from .result import Result
from .stream import Stream

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Model:
    """What turns frames into tokens, and how they are reduced unless a call says otherwise.

    `folder` is a Hugging Face checkpoint of a vision tower; without one the built-in encoder is used. Reading it takes
    time, so keep the model; any number of threads may use it at once.

        model = tokenreel.Model(keep=0.1)
        result = model.reduce("clip.mp4", fps=2)
        result.tokens                                    # [N, D]
    """

    def __init__(self, folder: Path | None = None, **options: Unpack[ModelOptions]) -> None:
        given = cast("dict[str, Any]", options)
        self._handle = made("model", "open", encoded({"model": folder, **given}))

    def reduce(
        self, source: Any, *, query: Any = None, signals: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> Result:
        """Reduces a video or a token grid.

        `source` is a path, or the tokens of a grid made elsewhere: [T, H, W, D], or [T, N, D] with square N, as an
        array of numpy, a tensor of torch, or anything that speaks DLPack. Tokens in float32 without gaps on the CPU are
        not copied. `signals` are other tensors of a grid file by name: "saliency", "frame_times", "patch_embeddings", ….

        `query` is what to look for: words, or embeddings [M, D].

        Ctrl-C ends the work and raises KeyboardInterrupt. Errors are TokenReelError and its subclasses.
        """
        given: dict[str, Any] = dict(options)
        if isinstance(query, str):
            given["query"] = query
        if isinstance(source, (str, os.PathLike)):
            if signals or not (query is None or isinstance(query, str)):
                raise TypeError("signals and embeddings go with tokens; a file brings its own")
            return self._reduce("reduce_file", os.fsencode(source), settings=encoded(given))
        tensors = {"tokens": source, **(signals or {})}
        if query is not None and not isinstance(query, str):
            tensors["query"] = query
        arguments = Arguments(tensors)
        return self._reduce("reduce_tensors", arguments.array, arguments.count, settings=encoded(given))

    def stream(self, **options: Unpack[StreamOptions]) -> Stream:
        """Starts a reduction of frames that come one by one.

            with model.stream(keep=0.05, window=32) as stream:
                for number, frame in enumerate(camera):      # [H, W, 3] bytes, red first
                    stream.push(frame, number / 30)
                    segment = stream.poll()

        or, with the frames and their seconds at hand, `for segment in model.segments(frames)`. For Qwen2.5-VL `fps` must
        say how many frames a second will be pushed (2 without it), since its positions count them.
        """
        return Stream(self._handle, encoded(options))

    def segments(
        self, frames: Iterable[tuple[Any, float]], /, **options: Unpack[StreamOptions]
    ) -> Iterator[Result]:
        """The segments of a stream of frames with their seconds, each as soon as it is finished."""
        with self.stream(**options) as stream:
            for frame, seconds in frames:
                stream.push(frame, seconds)
                segment = stream.poll()
                if segment is not None:
                    yield segment
            stream.finish()
            yield from stream

    def _reduce(self, name: str, *source: Any, settings: bytes) -> Result:
        return Result(_library.interruptible(
            lambda cancellation: made("result", name, self._handle.value, *source, settings, cancellation)))


def methods() -> list[dict[str, Any]]:
    """The methods that the option `method` can name, with their papers and parameters."""
    place = ctypes.c_void_p()
    _library.call("methods", ctypes.byref(place))
    return json.loads(_library.take_text(place))


def version() -> str:
    """The version of the library."""
    return _library.function("version")().decode()
