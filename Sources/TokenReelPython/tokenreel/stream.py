"""Frames that come one by one, and segments of tokens that come out."""
from __future__ import annotations

import ctypes
from typing import Any, Iterator

from . import _library
from ._library import Handle, call, function
from ._tensors import picture
from .errors import from_json
from .result import Result

_OK, _END = 0, -1
# A call that waits holds up signal handlers, so it waits in steps.
_STEP = 0.2


class Stream:
    """A reduction of frames that have no end, made by `Model.stream`.

    Push frames and take segments, from one thread or several; iterating waits for segments until the stream is over.
    A segment is a result of its own: "positions" count frames from its first, `timestamps` are those that were pushed,
    and `report` says which frames it holds.
    """

    def __init__(self, model: Handle, settings: bytes) -> None:
        self._handle = _library.made("stream", "stream_open", model.value, settings)
        self.ended = False
        """Whether the last segment has been taken."""

    def push(self, frame: Any, seconds: float) -> None:
        """Hands over a frame, [H, W, 3] bytes in red, green and blue, shown at `seconds`, which rise from frame to
        frame.

        Waits while four frames wait to be encoded. Raises what made the work fail.
        """
        pixels, stride = picture(frame)
        height, width = pixels.shape[:2]
        call("stream_push", self._handle.value, pixels.ctypes.data, width, height, stride, seconds)

    def finish(self) -> None:
        """Says that no frame follows; those that wait make up the last segments."""
        call("stream_finish", self._handle.value)

    def poll(self, timeout: float = 0) -> Result | None:
        """The next finished segment, waiting at most `timeout` seconds; None if there is none yet, or `ended`."""
        result, error = ctypes.c_void_p(), ctypes.c_void_p()
        status = function("stream_poll")(self._handle.value, timeout, ctypes.byref(result), ctypes.byref(error))
        self.ended = status == _END
        if status not in (_OK, _END):
            raise from_json(_library.take_text(error))
        return Result(Handle("result", result.value)) if result.value else None

    def __iter__(self) -> Iterator[Result]:
        return self

    def __next__(self) -> Result:
        while not self.ended:
            segment = self.poll(_STEP)
            if segment is not None:
                return segment
        raise StopIteration

    def close(self) -> None:
        """Ends the work; what waits is lost. Also done when nobody holds the stream any more."""
        function("stream_free")(self._handle.value)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()
