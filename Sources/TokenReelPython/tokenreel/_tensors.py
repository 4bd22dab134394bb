"""Numbers in and out of the library without copying, as far as their memory allows it."""
from __future__ import annotations

import ctypes
from typing import Any, Mapping

import numpy

from ._library import Tensor

# By numpy's letter and size: the number of the library's header.
_NUMBERS = {"f4": 1, "f8": 2, "f2": 3, "u1": 5, "i1": 6, "u2": 7, "i2": 8, "u4": 9, "i4": 10, "u8": 11, "i8": 12}
_BRAIN_FLOAT = 4
_LETTERS = {number: letters for letters, number in _NUMBERS.items()}
_TORCH = {"float32": 1, "float64": 2, "float16": 3, "bfloat16": 4, "uint8": 5, "int8": 6, "int16": 8, "int32": 10,
          "int64": 12}


class Arguments:
    """Tensors as the library takes them; holds on to their memory."""

    def __init__(self, tensors: Mapping[str, Any]) -> None:
        self.count = len(tensors)
        self.array = (Tensor * self.count)()
        self._owners: list[Any] = []
        for place, (name, value) in zip(self.array, tensors.items()):
            pointer, shape, strides, dtype, owner = _torch(value) if is_torch(value) else _array(name, value)
            place.name, place.data, place.rank, place.dtype = name.encode(), pointer, len(shape), dtype
            place.shape = (ctypes.c_int64 * len(shape))(*shape)
            place.strides = (ctypes.c_int64 * len(shape))(*strides)
            self._owners.append(owner)


def is_torch(value: Any) -> bool:
    """Whether this is a tensor of torch, which need not be installed."""
    return type(value).__module__.split(".")[0] == "torch" and hasattr(value, "data_ptr")


def _torch(tensor: Any) -> tuple[int, tuple[int, ...], tuple[int, ...], int, Any]:
    tensor = tensor.detach().cpu().resolve_neg()
    name = str(tensor.dtype).split(".")[-1]
    if name not in _TORCH:
        raise TypeError(f"a tensor of {name}; allowed are {', '.join(_TORCH)}")
    return tensor.data_ptr(), tuple(tensor.shape), tuple(tensor.stride()), _TORCH[name], tensor


def _array(name: str, value: Any) -> tuple[int, tuple[int, ...], tuple[int, ...], int, Any]:
    if hasattr(value, "__dlpack__") and not isinstance(value, numpy.ndarray):
        array = numpy.from_dlpack(value)
    else:
        array = numpy.asarray(value)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    number = _BRAIN_FLOAT if array.dtype.name == "bfloat16" else _NUMBERS.get(array.dtype.str[1:])
    if number is None:
        raise TypeError(f"{name} is an array of {array.dtype}; allowed are floats and integers")
    if any(stride % array.itemsize for stride in array.strides):
        array = numpy.ascontiguousarray(array)
    strides = tuple(stride // array.itemsize for stride in array.strides)
    return array.ctypes.data, array.shape, strides, number, array


def picture(frame: Any) -> tuple[numpy.ndarray, int]:
    """A picture [H, W, 3] of bytes with whole pixels, and the bytes from one row to the next."""
    array = numpy.asarray(frame.detach().cpu() if is_torch(frame) else frame)
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != numpy.uint8:
        raise TypeError(f"a frame of shape {list(array.shape)} and {array.dtype}; allowed is [H, W, 3] of uint8")
    if array.strides[1:] != (3, 1):
        array = numpy.ascontiguousarray(array)
    return array, array.strides[0]


class _Memory:
    """What numpy asks for an array over memory that another object owns."""

    def __init__(self, tensor: Tensor, owner: Any, writable: bool) -> None:
        self.owner = owner
        shape = tuple(tensor.shape[: tensor.rank])
        # The address of an array without elements is never read, but numpy wants one.
        self.__array_interface__ = {
            "version": 3, "shape": shape, "typestr": "=" + _LETTERS[tensor.dtype],
            "data": (tensor.data or ctypes.addressof(tensor), not writable),
        }


def view(tensor: Tensor, owner: Any, writable: bool = False) -> numpy.ndarray:
    """An array over the library's memory, which keeps `owner` alive; not to be written to."""
    return numpy.asarray(_Memory(tensor, owner, writable))
