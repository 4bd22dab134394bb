"""Writes small expected values for quantisation, hashing and ordering, computed from the papers' formulas.

usage: make-method-oracles-hashing.py   (needs numpy and safetensors)

Everything here is written from the formulas alone, in double precision, so that the Swift code is compared with a
second reading of the papers. Files go to Tests/TokenReductionTests/Fixtures/oracle-*/.
"""

import pathlib

import numpy as np
from safetensors.numpy import save_file
from statistics import NormalDist

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "Tests/TokenReductionTests/Fixtures"


def save(name, tensors):
    path = FIXTURES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {k: np.ascontiguousarray(v, dtype=np.int32 if v.dtype.kind in "iub" else np.float32)
               for k, v in tensors.items()}
    save_file(tensors, path.with_suffix(".safetensors"))
    print(path.name, path.with_suffix(".safetensors").stat().st_size)


def tokens(count, channels, seed):
    """Rows with a common mean, a few wide channels and one that is constant."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, channels)) @ rng.normal(size=(channels, channels)) / np.sqrt(channels)
    x = x + rng.normal(size=channels)
    x[:, 3] *= 9
    x[:, 5] = 0.25
    return x.astype(np.float32).astype(np.float64)


# ---- TokenBridge

def gaussian_levels(bits):
    normal = NormalDist()
    n = 2 ** bits
    edges = [-3.0] + [min(max(normal.inv_cdf(i / n), -3), 3) for i in range(1, n)] + [3.0]
    return np.array([(normal.pdf(a) - normal.pdf(b)) / (normal.cdf(b) - normal.cdf(a))
                     for a, b in zip(edges, edges[1:])])


def tokenbridge(x, bits, span):
    levels = gaussian_levels(bits)
    mean, dev = x.mean(0), x.std(0)
    z = np.divide(x - mean, dev, out=np.zeros_like(x), where=dev > 0)
    z = np.clip((z + span) / (2 * span) * 6 - 3, -3, 3)
    code = np.abs(z[..., None] - levels).argmin(-1)
    return ((levels[code] + 3) / 6 * 2 * span - span) * dev + mean


# ---- ZipCache

def zipcache(x, importance, high, low, share):
    c = np.sqrt(np.abs(x).max(0))
    c[c == 0] = 1
    y = x / c
    order = np.argsort(-importance, kind="stable")
    bits = np.full(len(x), low)
    bits[order[:round(share * len(x))]] = high
    out = np.empty_like(x)
    for i in range(len(x)):
        lo, step = y[i].min(), (y[i].max() - y[i].min()) / (2.0 ** bits[i] - 1)
        out[i] = (np.round((y[i] - lo) / step) * step + lo) * c if step > 0 else lo * c
    return out


# ---- MergeQuant

def mergequant(x, bits, outlier):
    peak = np.abs(x).max(0)
    median = np.sort(peak)[len(peak) // 2]
    out = np.zeros_like(x)
    for d in range(x.shape[1]):
        limit = 2 ** ((8 if peak[d] > outlier * median else bits) - 1) - 1
        best = np.inf
        for step in range(11):
            s = (1 - 0.05 * step) * peak[d] / limit
            if s == 0:
                continue
            y = np.clip(np.round(x[:, d] / s), -limit, limit) * s
            if ((y - x[:, d]) ** 2).sum() < best:
                best, out[:, d] = ((y - x[:, d]) ** 2).sum(), y
    return out


# ---- VidKV; scales and minima are exact here, in the file they are half precision

def two_bits(x, group):
    out = np.empty_like(x)
    for s in range(0, len(x), group):
        block = x[s:s + group]
        lo, step = block.min(0), (block.max(0) - block.min(0)) / 3
        step_or_1 = np.where(step > 0, step, 1)
        out[s:s + group] = np.round((block - lo) / step_or_1) * step + lo
    return out


def vidkv_keys(x, bits, group):
    spread = x.max(0) - x.min(0)
    wide = np.zeros(x.shape[1], bool)
    wide[np.argsort(-spread, kind="stable")[:round((bits - 1) * x.shape[1])]] = True
    out = np.empty_like(x)
    out[:, wide] = two_bits(x[:, wide], group)
    width = int((~wide).sum())
    f = np.fft.rfft(x[:, ~wide], axis=1)
    for s in range(0, len(x), group):
        block = f[s:s + group]
        re = np.where(block.real < 0, -1, 1) * np.abs(block.real).mean(0)
        im = np.where(-block.imag < 0, 1, -1) * np.abs(block.imag).mean(0)
        f[s:s + group] = re + 1j * im
    out[:, ~wide] = np.fft.irfft(f, width, axis=1)
    return out


def vidkv_values(x, importance, group, share):
    salient = np.zeros(len(x), bool)
    salient[np.argsort(-importance, kind="stable")[:round(share * len(x))]] = True
    out = np.empty_like(x)
    out[salient] = two_bits(x[salient], group)
    rest = x[~salient]
    kept = np.empty_like(rest)
    for s in range(0, len(rest), group):
        block = rest[s:s + group]
        above = np.abs(block) > 0.5 * np.abs(block).mean(0)
        scale = np.where(above, np.abs(block), 0).sum(0) / np.maximum(above.sum(0), 1)
        kept[s:s + group] = np.where(above, np.sign(block), 0) * scale
    out[~salient] = kept
    return out


# ---- xKV

def xkv(x, rank):
    mean = x.mean(0)
    u, s, v = np.linalg.svd(x - mean, full_matrices=False)
    return mean + (u[:, :rank] * s[:rank]) @ v[:rank]


def quantisation():
    x = tokens(44, 16, 1)
    importance = np.random.default_rng(2).permutation(44).astype(np.float32)
    save("oracle-quantisation/tokens", {
        "tokens": x, "importance": importance,
        "levels.1": gaussian_levels(1), "levels.3": gaussian_levels(3), "levels.6": gaussian_levels(6),
        "tokenbridge:4,range=5": tokenbridge(x, 4, 5), "tokenbridge:2,range=3": tokenbridge(x, 2, 3),
        "zipcache": zipcache(x, importance, 4, 2, 0.6), "zipcache:8,low=3,salient=0.25":
            zipcache(x, importance, 8, 3, 0.25),
        "mergequant": mergequant(x, 4, 5), "mergequant:3,outlier=2": mergequant(x, 3, 2),
        "vidkv": vidkv_keys(x, 1.5, 32), "vidkv:1.2,group=16": vidkv_keys(x, 1.2, 16),
        "vidkv:form=values": vidkv_values(x, importance, 32, 0.2),
        "xkv:5": xkv(x, 5),
    })


# ---- finite scalar quantisation

def fsq(z, levels):
    half = (levels - 1) * (1 + 1e-3) / 2
    offset = 0.5 if levels % 2 == 0 else 0.0
    bounded = np.tanh(z + np.arctanh(offset / half)) * half - offset
    return np.round(bounded).astype(int) + levels // 2


def scalars():
    z = np.linspace(-4, 4, 121) + 1e-4
    save("oracle-fsq/codes", {"values": z} | {f"levels.{n}": fsq(z, n) for n in range(2, 10)})


if __name__ == "__main__":
    quantisation()
    scalars()
