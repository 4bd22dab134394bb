#!/usr/bin/env python3
"""Writes Sources/VisionEncoding/Tokenizing/CanonicalDecompositions.swift from Python's Unicode data."""
import textwrap
import unicodedata
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "Sources/VisionEncoding/Tokenizing/CanonicalDecompositions.swift"

entries = []
for code in range(0x110000):
    mapping = unicodedata.decomposition(chr(code))
    if mapping and not mapping.startswith("<"):
        mark = "=" if unicodedata.normalize("NFC", chr(code)) == chr(code) else ">"
        entries.append(f"{code:X}{mark}{'+'.join(part.lstrip('0') for part in mapping.split())}")
lines = textwrap.wrap(" ".join(entries), 111, break_on_hyphens=False, break_long_words=False)
body = "\n".join("        " + line for line in lines)
OUT.write_text(f'''/// The canonical decompositions of Unicode {unicodedata.unidata_version}, without Korean syllables.
///
/// Written by scripts/make-canonical-decompositions.py. `from=to+to` is composed again, `from>to` is not.
enum CanonicalDecompositions {{
    static let table = """
{body}
        """
}}
''')
