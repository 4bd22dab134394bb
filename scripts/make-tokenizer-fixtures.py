#!/usr/bin/env python3
"""Writes Tests/VisionEncodingTests/Fixtures/tokenizers: small vocabularies of the three families, trained on text made
here, and the ids that transformers gives for texts of many kinds.

Needs transformers 5, tokenizers, sentencepiece and protobuf. Each folder holds the files as a checkpoint has them, and
`expected.json`: how the ids were asked for, and ids without padding for every text of `texts.json`.
"""
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path

import sentencepiece
import tokenizers
import transformers
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer, GemmaTokenizer, SiglipTokenizer
from transformers.models.siglip2.tokenization_siglip2 import Siglip2Tokenizer

OUT = Path(__file__).resolve().parent.parent / "Tests/VisionEncodingTests/Fixtures/tokenizers"

SENTENCES = """
A man picks up the red cup and walks out of the kitchen.
Two dogs are running on the beach while children play with a ball.
The woman in the blue coat isn't waiting for the bus; she's looking at her phone.
Where does the cat go after it's finished eating? Nobody knows what they'll do.
A close-up photo of 12 green apples on a wooden table, 1995.
What time does the train leave, and who's driving? We've seen it before.
Der Mann hebt die rote Tasse auf und geht aus der Küche hinaus.
Zwei Hunde laufen über den Strand, während Kinder mit Bällen spielen.
La femme au manteau bleu attend l'autobus près de la forêt, à côté de l'école.
El niño corre detrás del perro mañana por la mañana en la calle.
Мужчина берёт красную чашку и выходит из кухни. Собаки бегут по пляжу.
Η γυναίκα με το μπλε παλτό περιμένει το λεωφορείο στον δρόμο.
男の人が赤いカップを持ち上げて台所から出ていく。犬が海辺を走っている。
一个男人拿起红色的杯子，走出厨房。两只狗在海滩上奔跑。
한 남자가 빨간 컵을 들고 부엌에서 나간다. 개 두 마리가 해변을 달린다.
رجل يرفع الكوب الأحمر ويخرج من المطبخ. كلبان يركضان على الشاطئ.
एक आदमी लाल कप उठाता है और रसोई से बाहर जाता है।
ผู้ชายหยิบถ้วยสีแดงแล้วเดินออกจากครัว
""".strip().split("\n")

TEXTS = SENTENCES + [
    "", " ", "\t\n ", "a", "A photo of a cat", "  two   spaces \t and\ttabs\r\nlines ", "don't we'll they've I'm you'd it's 're",
    "'some ''s '''ll ' 'r 'l", "1234567890 3.14 ½ Ⅷ ² ٣٤", "!!!???...", "hello,world! (yes) [no] {maybe} <tag> a/b\\c_d~e`f|g^h",
    "ÀÉÎÕÜ àéîõü ÇĞİŞ ß ẞ ﬁ ﬂ Ǆ ǅ ŉ", "e\u0301 a\u0308\u0323 o\u0323\u0308 \u0301 q\u0307\u0323 \u1e9b\u0323",
    "\u212b \u2126 \u00c5 \uf900 \u2f81a \u0958 \u0344", "ΑΣ ΣΑΣ Σ ΟΔΥΣΣΕΥΣ ΣΣ. ΑΣ' ΑΣ'Α a\u00adΣ \u0301Σ", "İstanbul DİYARBAKIR ıI",
    "😀 🐶🐕 👩‍👩‍👧‍👦 🇩🇪🇯🇵 👍🏽 ❤️ ☺︎ ⌚", "a😀b😀😀c 日本語😀テスト", "ｆｕｌｌ　ｗｉｄｔｈ １２３ ｶﾞ ガ ㌔ ﷺ ㍿", "각 \u1100\u1161\u11a8 \uac00\u11a8 \u1112\u1161\u11ab",
    "zero\u200bwidth\u200djoin\u200cer \ufeffbom \u00adsoft \u2060x", "nbsp\u00a0thin\u2009ideographic\u3000line\u2028para\u2029nel\u0085x",
    "ctrl\u0001\u0002 \u0007bell \u001b[31mred \u001c\u001d\u001e\u001f sep \u007f\u0000nul", "\ufffd \ufffe \U0010ffff \U000e0041 \ue000 \U0001d54f \U00020000",
    "▁under▁line ▁ ▁▁", "_snake_case __init__", "<|startoftext|> a <|endoftext|> b", "<|STARTOFTEXT|>! <|EndOfText|>x a!<|ENDOFTEXT|>?",
    "</s>", "a </s> b", "a</s>b </s></s> <unk> c<unk>d", "日本</s>日本<unk>漢字", "<s> <pad> <bos> hi <eos> there <mask> <unused1> <start>",
    "a<eos>b", "<bos>", "<0x41> <0x0A>", "the the  the   the", "x" * 300, "ab" * 200, "word " * 120, "日" * 150, " " * 200, "é" * 90, "!" * 200,
    "https://example.com/a?b=c&d=%20#frag user@mail.org C++ C# .NET 50% $5.00 €10 £3", "Straße GROSS ǈubav ᾳ ᾼ ŉ ﬀ", "ñandú MAÑANA Ñ N\u0303 n\u0303",
    "मुझे हिन्दी क्षत्रिय", "தமிழ் తెలుగు ಕನ್ನಡ മലയാളം", "עִבְרִית שָׁלוֹם", "Tiếng Việt đẹp lắm ạ ự ữ", "ไทย ກ ខ្មែរ မြန်မာ བོད་", "ABC\u0345\u0300\u0316 \u0f73\u0f71",
    "a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308", "\U0001f1e6 \U00013000 \U0001e900\U0001e922 Ꭰꭰ ა Ა ⓐ Ⓐ",
]


def random_texts(count, seed):
    """Characters from everywhere, biased to those that rules look at."""
    generator = random.Random(seed)
    pools = [
        [chr(c) for c in range(0x20, 0x7F)], [chr(c) for c in range(0, 0x100)], list(" \t\n▁ '\u00a0\u3000"),
        [chr(c) for c in range(0x300, 0x370)], [chr(c) for c in range(0x370, 0x530)], [chr(c) for c in range(0x1e00, 0x2000)],
        [chr(c) for c in range(0x2000, 0x2100)], [chr(c) for c in range(0x3040, 0x3100)], [chr(c) for c in range(0xac00, 0xd7a4)],
        [chr(c) for c in range(0xf900, 0xfb50)], [chr(c) for c in range(0xff00, 0xfff0)], [chr(c) for c in range(0x1f300, 0x1f650)],
        list("".join(SENTENCES)), ["</s>", "<unk>", "<eos>", "<|endoftext|>", "<bos>"],
    ]
    return ["".join(generator.choice(generator.choice(pools)) for _ in range(generator.randint(1, 40))) for _ in range(count)]


def write(folder, tokenizer, name, texts, length, extra=None):
    rows = []
    for text in texts:
        ids = tokenizer(text, padding="max_length", truncation=True, max_length=length)["input_ids"]
        assert len(ids) == length, (len(ids), text)
        pad = tokenizer.pad_token_id
        left = tokenizer.padding_side == "left"
        while ids and ids[0 if left else -1] == pad:
            ids.pop(0 if left else -1)
        rows.append(ids)
    expected = {"length": length, "pad": tokenizer.pad_token_id, "padsLeft": tokenizer.padding_side == "left", **(extra or {}), "ids": rows}
    (folder / f"{name}.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


def byte_pairs(size, suffix, normalizer, splitter, alphabet):
    options = {"end_of_word_suffix": suffix} if suffix else {}
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.train_from_iterator(SENTENCES * 3, trainers.BpeTrainer(
        vocab_size=size, **options, initial_alphabet=alphabet, show_progress=False, min_frequency=2))
    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def clip(texts):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    splitter = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    merges = byte_pairs(1400, "</w>", normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()]), splitter, alphabet)
    known = alphabet + [letter + "</w>" for letter in alphabet]
    tokens = list(dict.fromkeys(known + [a + b for a, b in merges] + ["<|startoftext|>", "<|endoftext|>"]))
    vocabulary = {token: i for i, token in enumerate(tokens)}

    # As openai's repositories have it: two plain files.
    folder = OUT / "clip"
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(f"{a} {b}" for a, b in merges) + "\n")
    (folder / "special_tokens_map.json").write_text(json.dumps({
        "bos_token": {"content": "<|startoftext|>", "lstrip": False, "normalized": True, "rstrip": False, "single_word": False},
        "eos_token": {"content": "<|endoftext|>", "lstrip": False, "normalized": True, "rstrip": False, "single_word": False},
        "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True, "errors": "replace",
        "unk_token": "<|endoftext|>", "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}))
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    write(folder, tokenizer, "expected", texts, 77)

    # One file, with another padding token.
    joint = OUT / "clip-joint"
    joint.mkdir()
    padded = CLIPTokenizer(vocab=vocabulary, merges=merges, pad_token="!", model_max_length=40)
    padded.save_pretrained(joint)
    tokenizer = CLIPTokenizer.from_pretrained(joint)
    write(joint, tokenizer, "expected", texts, 40)


def gemma(texts):
    merges = byte_pairs(900, "", normalizers.Replace(" ", "▁"), pre_tokenizers.Split(Regex("▁[^▁]*"), "isolated"), [])
    letters = sorted({letter for text in SENTENCES for letter in text.replace(" ", "▁")})
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<unused0>", "<unused1>"] + [f"<0x{b:02X}>" for b in range(256)]
    # Runs of spaces are tokens of Gemma's vocabulary, joined across words.
    merges += [("▁", "▁"), ("▁▁", "▁▁"), ("▁▁", "▁")]
    tokens = list(dict.fromkeys(tokens + letters + [a + b for a, b in merges]))
    vocabulary = {token: i for i, token in enumerate(tokens)}
    for name, kind, options in [
        ("siglip2", Siglip2Tokenizer, dict(add_bos_token=False, add_eos_token=True, padding_side="right")),
        ("gemma", GemmaTokenizer, dict(add_bos_token=True, add_eos_token=False)),
    ]:
        folder = OUT / name
        folder.mkdir()
        kind(vocab=vocabulary, merges=merges, model_max_length=64, **options).save_pretrained(folder)
        if name == "gemma":
            # What a file without the options means follows from its post-processor.
            config = json.loads((folder / "tokenizer_config.json").read_text())
            config.pop("add_bos_token", None), config.pop("add_eos_token", None)
            (folder / "tokenizer_config.json").write_text(json.dumps(config))
        write(folder, kind.from_pretrained(folder), "expected", texts, 64, {"lowercases": kind is Siglip2Tokenizer})


def siglip(texts):
    with tempfile.TemporaryDirectory() as scratch:
        corpus = Path(scratch) / "corpus.txt"
        corpus.write_text("\n".join(SENTENCES) + "\n" + "\n".join(text.lower() for text in SENTENCES))
        for name, options in [
            ("siglip", dict(normalization_rule_name="nmt_nfkc", vocab_size=520)),
            ("siglip-bytes", dict(normalization_rule_name="identity", vocab_size=620, byte_fallback=True,
                                  user_defined_symbols=["two dogs", "cat"])),
        ]:
            folder = OUT / name
            folder.mkdir()
            sentencepiece.SentencePieceTrainer.train(
                input=str(corpus), model_prefix=str(Path(scratch) / name), model_type="unigram", character_coverage=0.98,
                pad_id=0, eos_id=1, unk_id=2, bos_id=-1, hard_vocab_limit=False, minloglevel=2, **options)
            shutil.copy(Path(scratch) / f"{name}.model", folder / "spiece.model")
            tokenizer = SiglipTokenizer(str(folder / "spiece.model"), model_max_length=64)
            tokenizer.save_pretrained(folder)
            write(folder, SiglipTokenizer.from_pretrained(folder), "expected", texts, 64)


def main(count=150, seed=7):
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    texts = TEXTS + random_texts(count, seed)
    (OUT / "texts.json").write_text(json.dumps({
        "made with": f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}, sentencepiece {sentencepiece.__version__}",
        "texts": texts}) + "\n")
    clip(texts)
    gemma(texts)
    siglip(texts)


if __name__ == "__main__":
    main(*[int(argument) for argument in sys.argv[1:]])
