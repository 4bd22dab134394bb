"""The shared library behind the package: loading it, its functions, and calls that Ctrl-C can end."""
from __future__ import annotations

import ctypes
import functools
import os
import threading
from pathlib import Path
from typing import Any, Callable

from .errors import from_json

ABI = 1


class Tensor(ctypes.Structure):
    """`tokenreel_tensor`."""

    _fields_ = [
        ("name", ctypes.c_char_p), ("data", ctypes.c_void_p), ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)), ("rank", ctypes.c_int32), ("dtype", ctypes.c_int32),
    ]


# Handles are void pointers: numbers to hand back, nothing to look into. Texts to free keep their address that way too.
_HANDLE, _TEXT, _SIZE, _PLACE = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p)
_STATUS = ctypes.c_int32

_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "version": (_TEXT, []),
    "abi": (ctypes.c_int32, []),
    "string_free": (None, [ctypes.c_void_p]),
    "methods": (_STATUS, [_PLACE, _PLACE]),
    "cancellation_new": (_HANDLE, []),
    "cancel": (None, [_HANDLE]),
    "cancellation_free": (None, [_HANDLE]),
    "open": (_STATUS, [_TEXT, _PLACE, _PLACE]),
    "model_free": (None, [_HANDLE]),
    "reduce_file": (_STATUS, [_HANDLE, _TEXT, _TEXT, _HANDLE, _PLACE, _PLACE]),
    "reduce_tensors": (_STATUS, [_HANDLE, ctypes.POINTER(Tensor), _SIZE, _TEXT, _HANDLE, _PLACE, _PLACE]),
    "read_file": (_STATUS, [_TEXT, _PLACE, _PLACE]),
    "stream_open": (_STATUS, [_HANDLE, _TEXT, _PLACE, _PLACE]),
    "stream_push": (_STATUS, [_HANDLE, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_int64, ctypes.c_double,
                              _PLACE]),
    "stream_finish": (_STATUS, [_HANDLE, _PLACE]),
    "stream_poll": (_STATUS, [_HANDLE, ctypes.c_double, _PLACE, _PLACE]),
    "stream_free": (None, [_HANDLE]),
    "result_count": (_SIZE, [_HANDLE]),
    "result_tensor": (_STATUS, [_HANDLE, _SIZE, ctypes.POINTER(Tensor), _PLACE]),
    "result_description": (_TEXT, [_HANDLE]),
    "result_write": (_STATUS, [_HANDLE, _TEXT, _TEXT, _PLACE]),
    "result_free": (None, [_HANDLE]),
}


@functools.lru_cache(maxsize=None)
def library() -> ctypes.CDLL:
    """The library, loaded when it is first needed: the one beside this file, or that TOKENREEL_LIBRARY names."""
    path = os.environ.get("TOKENREEL_LIBRARY") or str(Path(__file__).with_name("libtokenreel.so"))
    try:
        loaded = ctypes.CDLL(path)
    except OSError as error:
        needs = ("the shared libraries of FFmpeg, OpenBLAS and oneDNN, on Debian 12 the packages ffmpeg, libopenblas0 and "
                 "libdnnl2")
        raise ImportError(f"{error}; tokenreel needs {needs}") from error
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(loaded, "tokenreel_" + name)
        function.restype, function.argtypes = result, arguments
    if loaded.tokenreel_abi() != ABI:
        raise ImportError(f"{path} has interface {loaded.tokenreel_abi()}; this package is for {ABI}")
    return loaded


def function(name: str) -> Callable[..., Any]:
    """A function of the library by its name without prefix."""
    return getattr(library(), "tokenreel_" + name)


def take_text(place: ctypes.c_void_p) -> str:
    """A text that the library hands out, which is given back."""
    try:
        return ctypes.string_at(place.value or 0).decode()
    finally:
        function("string_free")(place)


def call(name: str, *arguments: Any) -> None:
    """Calls a function whose last argument is the place for an error, which becomes an exception."""
    error = ctypes.c_void_p()
    if function(name)(*arguments, ctypes.byref(error)) != 0:
        raise from_json(take_text(error))


class Handle:
    """An object of the library, given back when nobody holds it any more."""

    def __init__(self, kind: str, value: int | None) -> None:
        self.value, self._kind = value, kind

    def __del__(self) -> None:
        # At the end of the interpreter the module may be gone, and so is the process.
        if self.value is not None and library is not None:
            function(self._kind + "_free")(self.value)


def made(kind: str, name: str, *arguments: Any) -> Handle:
    """Calls a function whose last argument but the error is the place for a handle."""
    place = ctypes.c_void_p()
    call(name, *arguments, ctypes.byref(place))
    return Handle(kind, place.value)


def interruptible(work: Callable[[int | None], Any]) -> Any:
    """Does work that takes the handle of a cancellation, so that Ctrl-C ends it.

    Python runs signal handlers between steps of the main thread, which a long call would hold up; so the work goes to
    another thread while the main one waits. Other threads never see the signal and do the work themselves.
    """
    cancellation = Handle("cancellation", function("cancellation_new")())
    if threading.current_thread() is not threading.main_thread():
        return work(cancellation.value)
    outcome: list[Any] = [None, None]
    done = threading.Event()

    def run() -> None:
        try:
            outcome[0] = work(cancellation.value)
        except BaseException as error:  # noqa: BLE001 - raised again on the thread that asked
            outcome[1] = error
        finally:
            done.set()

    threading.Thread(target=run, daemon=True).start()
    try:
        done.wait()
    except BaseException:
        function("cancel")(cancellation.value)
        done.wait()
        raise
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]
