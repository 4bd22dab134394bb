"""Packs the Python package and the library it calls into a wheel; scripts/build-wheel runs this.

usage: build_wheel.py PACKAGE LIBRARY FOLDER

A wheel is a zip file with a list of what is in it. Equal contents give equal bytes.
"""
from __future__ import annotations

import base64
import ctypes
import hashlib
import sys
import sysconfig
import zipfile
from pathlib import Path

METADATA = """\
Metadata-Version: 2.1
Name: tokenreel
Version: {version}
Summary: Reduces the visual tokens of videos for language models.
Requires-Python: >=3.9
Requires-Dist: numpy
"""

WHEEL = """\
Wheel-Version: 1.0
Generator: tokenreel
Root-Is-Purelib: false
Tag: {tag}
"""


def library_version(library: Path) -> str:
    """What the library itself says."""
    version = ctypes.CDLL(str(library)).tokenreel_version
    version.restype = ctypes.c_char_p
    return version().decode()


def record(files: dict[str, bytes], name: str) -> bytes:
    """The list of files with their digests; it names itself without one."""
    lines = []
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(content)}")
    return "\n".join([*lines, f"{name},,", ""]).encode()


def main(package: Path, library: Path, folder: Path) -> None:
    version = library_version(library)
    # The package calls the library by its functions' names, so any Python 3 will do; the machine must be of this kind.
    tag = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
    about = f"tokenreel-{version}.dist-info"
    files = {f"tokenreel/{path.name}": path.read_bytes() for path in sorted(package.iterdir()) if path.is_file()}
    files["tokenreel/libtokenreel.so"] = library.read_bytes()
    files[f"{about}/METADATA"] = METADATA.format(version=version).encode()
    files[f"{about}/WHEEL"] = WHEEL.format(tag=tag).encode()
    files[f"{about}/RECORD"] = record(files, f"{about}/RECORD")
    wheel = folder / f"tokenreel-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    print(wheel)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
