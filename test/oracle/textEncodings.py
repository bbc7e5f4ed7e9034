"""What the Rust tokenizers make of texts and of tokens: the oracle of src/models/tokenizer.

    python3 textEncodings.py TOKENIZERS.json.gz > tokenizers.json

needs the package tokenizers (0.23). TOKENIZERS.json.gz holds [{name, tokenizer, texts: [{text, ids}]}], a tokenizer.json
for every option with the library's ids; one of each kind is kept here, with a third of its texts. The decoders' texts are
made here."""
import gzip
import json
import sys

import tokenizers


entries = json.load(gzip.open(sys.argv[1]))
kept = {}
for entry in entries:
    kind = "/".join(entry["name"].split("/")[:2])
    if len(json.dumps(entry)) < len(json.dumps(kept.get(kind, entry))) or kind not in kept:
        kept[kind] = entry
small = [{**entry, "texts": entry["texts"][::3]} for entry in kept.values()]

BYTES = ["<0x48>", "<0x69>", "<0xE4>", "<0xBD>", "<0xA0>", "!", "<0xE4>", "x", "<0xFF>"]
WORDS = ["un", "##aff", "##able", ",", "don", "'", "t", "do", "not", "stop", ".", "##"]
META = ["▁Hello", "▁wor", "ld", "▁", "▁▁a", "b"]
CASES = [
    ({"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}, ["Hello", "Ġworld", "Ã©", "ĊĠ", "日", "Ã"]),
    ({"type": "WordPiece", "prefix": "##", "cleanup": True}, WORDS),
    ({"type": "WordPiece", "prefix": "##", "cleanup": False}, WORDS),
    ({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}, META),
    ({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True}, META),
    ({"type": "BPEDecoder", "suffix": "</w>"}, ["Hel", "lo</w>", "wor", "ld</w>"]),
    ({"type": "ByteFallback"}, BYTES),
    ({"type": "Fuse"}, ["a", " b", "c"]),
    ({"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True}, ["h", "h", "<pad>", "i", "|", "|", "y", "<pad>", "y"]),
    ({"type": "Strip", "content": "_", "start": 1, "stop": 2}, ["__ab__", "_bcd", "cd___", "xyz"]),
    ({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, META),
    ({"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}, META + BYTES),
    (None, ["a", "b", "##c"]),
]


def decoded(decoder, tokens):
    vocab = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    description = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None,
        "post_processor": None, "decoder": decoder, "model": {"type": "WordLevel", "vocab": vocab, "unk_token": tokens[0]},
    }
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(description))
    ids = [vocab[token] for token in tokens]
    return {"tokenizer": description, "ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=False)}


json.dump({"encode": small, "decode": [decoded(*case) for case in CASES]}, sys.stdout, ensure_ascii=False, separators=(",", ":"))
