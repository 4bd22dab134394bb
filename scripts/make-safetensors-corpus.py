#!/usr/bin/env python3
"""Writes Tests/SafetensorsTests/Fixtures: small files with the verdict of the Python package on each.

Needs `pip install safetensors numpy`. Run it again only to move to another version of the package; the tests read what
it wrote and need no Python.
"""
import json
import pathlib
import random
import struct

import numpy
import safetensors
from safetensors.numpy import save

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "Tests/SafetensorsTests/Fixtures"
VALID = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def file(header, data=b"", length=None):
    if isinstance(header, (dict, list)):
        header = json.dumps(header, separators=(",", ":"))
    if isinstance(header, str):
        header = header.encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def one(data=bytes(8), name="a", **changes):
    entry = {**VALID, **changes}
    return file({name: {key: value for key, value in entry.items() if value is not None}}, data)


def raw(text, data=bytes(8)):
    """A header with VALID's members in place of @."""
    return file(text.replace("@", json.dumps(VALID)[1:-1]), data)


def written_cases():
    yield "empty file", b""
    yield "seven bytes", bytes(7)
    yield "no header", bytes(8)
    yield "empty object", file("{}")
    yield "empty object, data", file("{}", b"x")
    yield "one tensor", one()
    yield "length beyond the file", file("{}", length=3)
    yield "length of 2^63", file("{}", length=1 << 63)
    yield "length of 2^64-1", file("{}", length=(1 << 64) - 1)
    yield "length above the cap", file("{}", length=100_000_001)
    yield "length one short", file(one()[8:], length=len(one()) - 17)
    for dtype in "BOOL F4 F6_E2M3 F6_E3M2 U8 I8 F8_E5M2 F8_E4M3 F8_E4M3FNUZ F8_E5M2FNUZ F8_E8M0 I16 U16 F16 BF16 I32 " \
                 "U32 F32 C64 F64 I64 U64 C128 f32 FLOAT".split():
        for size in (4, 6, 8, 16, 32, 64):
            yield f"8 of {dtype} in {size} bytes", one(bytes(size), dtype=dtype, shape=[8], data_offsets=[0, size])
    yield "part of a byte", one(bytes(2), dtype="F4", shape=[3], data_offsets=[0, 2])
    yield "part of a byte, short", one(bytes(1), dtype="F4", shape=[3], data_offsets=[0, 1])
    for shape in ([], [1, 2], [2, 1, 1], [0], [3], [-2], [2.0], ["2"], [None], [[2]], 2, None, {}, [1 << 63],
                  [1 << 32, 1 << 32], [1 << 32, 1 << 32, 0], [0, 1 << 40, 1 << 40], [1 << 62, 2], [1 << 61]):
        yield f"shape {shape}", one(shape=shape)
        yield f"shape {shape}, no data", one(b"", shape=shape, data_offsets=[0, 0])
    for offsets in ([0], [0, 8, 8], [8, 0], [0, 7], [1, 9], [0, 9], [0, 16], [-8, 0], [0, 8.0], [0, "8"], [0, 1 << 64],
                    [(1 << 64) - 8, 1 << 64], None, "0,8", 8, [(1 << 63), (1 << 63) + 8]):
        yield f"offsets {offsets}", one(data_offsets=offsets)
    for dtype in (None, 1, ["F32"], {}, ""):
        yield f"dtype {dtype!r}", one(dtype=dtype)
    for tail in (" ", "   ", "\n\t\r ", "x", "\0", "{}", ",", "\u00a0", " x"):
        yield f"header then {tail!r}", raw('{"a":{@}}' + tail)
        yield f"{tail!r} then header", raw(tail + '{"a":{@}}')
    for text in ('{"a":{@},}', '{"a":{@,}}', '{,"a":{@}}', '{"a" {@}}', '{"a":{@}', '{"a":{@', '{a:{@}}', "{'a':{@}}",
                 '[{"a":{@}}]', '"a"', "null", "1", "", "{", "}", '{"a":{@}}}', '{"a"', '{"a', '{"a":', '{"a":{@};}',
                 '{"a":{@} /* */}', '{"a":null}', '{"a":[]}', '{"a":{}}', '{"a":1}', '{"a":["F32",[2],[0,8]]}',
                 '{"a":{@},"a":{@}}', '{"a":{@},"\\u0061":{@}}', '{"a":{@,"shape":[2]}}', '{"a":{@,"dtype":"F32"}}',
                 '{"a":{@,"data_offsets":[0,8]}}', '{"a":{@,"x":1}}', '{"a":{@,"x":1,"x":2}}', '{"":{@}}',
                 '{"a":{@,"x":{"y":[1,-2.5e-3,true,false,null,"z"]}}}', '{"a":{@,"x":01}}', '{"a":{@,"x":.5}}',
                 '{"a":{@,"x":+1}}', '{"a":{@,"x":1.}}', '{"a":{@,"x":1e}}', '{"a":{@,"x":-}}', '{"a":{@,"x":tru}}',
                 '{"a":{@,"x":NaN}}', '{"a":{@,"x":Infinity}}', '{"a":{@,"x":"\t"}}', '{"a":{@,"x":"\\x"}}',
                 '{"a":{@,"x":"\\ud83d\\ude00"}}', '{"a":{@,"x":"\\ud83d"}}', '{"a":{@,"x":"\\ude00"}}',
                 '{"a":{@,"x":"\\ud83d\\u0041"}}', '{"a":{@,"x":"\\u12"}}', '{"a":{@,"x":"\\u12G4"}}',
                 '{"a":{@,"x":"\u00e9\U0001F600\\/\\b\\f\\n\\r\\t\\"\\\\"}}', '{"\u0000":{@}}', '{"a\\u0000":{@}}',
                 '{ "a" : { @ } }', '\ufeff{"a":{@}}',
                 '{"a":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}}',
                 '{"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}',
                 '{"a":{"dtype":"F32","shape":[2],"data_offsets":[-0,8]}}',
                 '{"a":{"dtype":"F32","shape":[2,],"data_offsets":[0,8]}}',
                 '{"a":{"dtype":"F32","shape":[2 1],"data_offsets":[0,8]}}'):
        yield text, raw(text)
    for depth in (10, 200):
        yield f"{depth} levels", raw('{"a":{@,"x":' + "[" * depth + "]" * depth + "}}")
    for text in ("{}", '{"k":"v"}', '{"k":"v","l":"w"}', '{"k":1}', '{"k":null}', '{"k":["v"]}', '{"k":{}}', "null", "[]",
                 '"x"', '{"k":"v","k":"w"}', '{"k":"\\u0000"}'):
        yield f"metadata {text}", raw('{"__metadata__":' + text + ',"a":{@}}')
        yield f"metadata {text} at the end", raw('{"a":{@},"__metadata__":' + text + "}")
    yield "metadata twice", raw('{"__metadata__":{},"__metadata__":{},"a":{@}}')
    yield "metadata alone", file('{"__metadata__":{"k":"v"}}')
    yield "bad UTF-8 in a name", file(one()[8:].replace(b'"a"', b'"\xff"')[:-8], bytes(8))
    yield "overlong UTF-8 in a name", file(one()[8:].replace(b'"a"', b'"\xc0\x80"')[:-8], bytes(8))
    yield "surrogate in UTF-8", file(one()[8:].replace(b'"a"', b'"\xed\xa0\x80"')[:-8], bytes(8))
    spans = {"touching": ([0, 8], [8, 16], 16), "swapped": ([8, 16], [0, 8], 16), "gap": ([0, 8], [9, 17], 17),
             "overlap": ([0, 8], [4, 12], 12), "same": ([0, 8], [0, 8], 8), "gap at the start": ([4, 12], [12, 20], 20),
             "data left": ([0, 8], [8, 16], 20), "data short": ([0, 8], [8, 16], 12)}
    for name, (first, second, size) in spans.items():
        header = {"a": {**VALID, "data_offsets": first}, "b": {**VALID, "data_offsets": second}}
        yield f"two tensors, {name}", file(header, bytes(size))
    for start in (0, 4, 8, 9):
        header = {"a": VALID, "b": {"dtype": "U8", "shape": [0], "data_offsets": [start, start]}}
        yield f"empty tensor at {start}", file(header, bytes(8))
        yield f"empty tensor first at {start}", file({"b": header["b"], "a": VALID}, bytes(8))


def mutated_cases(count):
    """A valid file with one to three bytes of its header changed, dropped, doubled or swapped."""
    rng = random.Random(20)
    header = json.dumps({"__metadata__": {"k": "v"}, "a": VALID, "b": {**VALID, "shape": [1, 2], "data_offsets": [8, 16]}})
    for index in range(count):
        text = bytearray(header.encode())
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(text))
            action = rng.randrange(4)
            if action == 0:
                text[place] = rng.choice(b'{}[]:,"0123456789 \\ab\x00\xff')
            elif action == 1:
                del text[place]
            elif action == 2:
                text[place:place] = text[place : place + rng.randint(1, 8)]
            else:
                other = rng.randrange(len(text))
                text[place], text[other] = text[other], text[place]
        yield f"mutation {index}", file(bytes(text), bytes(16))


def stricter(content):
    """The rule of the format that the package lets pass and we don't, if this file breaks one."""
    length = int.from_bytes(content[:8], "little")
    text = content[8 : 8 + length].decode()
    if not text.startswith("{"):
        return "the header must begin with {"
    doubled = []

    def pairs(members):
        keys = [key for key, _ in members]
        doubled.extend(key for key in keys if keys.count(key) > 1)
        return dict(members)

    header = json.loads(text, object_pairs_hook=pairs)
    if doubled:
        return "duplicate keys are not allowed"
    if not isinstance(header.get("__metadata__", {}), dict):
        return "the metadata is an object"
    if not all(isinstance(entry, dict) for entry in header.values()):
        return "an entry is an object"
    return None


def verdict(content):
    try:
        safetensors.deserialize(content)
    except safetensors.SafetensorError as error:
        return {"accepted": False, "message": str(error)[:120]}
    reason = stricter(content)
    return {"accepted": True, **({"stricter": reason} if reason else {})}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    cases = {}
    for name, content in [*written_cases(), *mutated_cases(200)]:
        if len(content) < 1000:
            cases.setdefault(content, {"name": name, "file": content.hex(), **verdict(content)})
    with open(FOLDER / "headers.jsonl", "w") as output:
        for case in cases.values():
            output.write(json.dumps(case, sort_keys=True) + "\n")
    accepted = sum(case["accepted"] for case in cases.values())
    strict = sum("stricter" in case for case in cases.values())
    print(f"safetensors {safetensors.__version__}: {len(cases)} files, {accepted} accepted, {strict} of them not by us")

    ramp = numpy.arange(-6, 6)
    reference = {
        "b.f32": (ramp / 7).astype("float32").reshape(3, 4), "a.f32": numpy.array([1e30, -0.0], "float32"),
        "halves": (ramp / 7).astype("float16"), "doubles": (ramp / 7).astype("float64"),
        "words": ramp.astype("int32"), "longs": (ramp * 10**12).astype("int64"),
        "shorts": numpy.arange(65530, 65536).astype("uint16"), "empty": numpy.zeros((0, 4), "float32"),
    }
    (FOLDER / "reference.safetensors").write_bytes(save(reference, {"text": 'a "quoted" \\ line\n\t\x01\u00e9'}))


main()
