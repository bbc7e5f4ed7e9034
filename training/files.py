"""The files of a checkpoint folder: safetensors, and a Hugging Face tokenizer of single bytes."""
import json
import struct

import numpy as np

END = "<|endoftext|>"
DTYPES = {"F16": "<f2", "F32": "<f4"}


def write_safetensors(path, tensors):
    """Tensors by name, each a NumPy array of float16 or float32: 8 bytes of header length, JSON header, data."""
    header, offset, chunks = {}, 0, []
    for name, array in sorted(tensors.items()):
        dtype = next(key for key, code in DTYPES.items() if np.dtype(code) == array.dtype)
        chunk = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [offset, offset + len(chunk)]}
        offset += len(chunk)
        chunks.append(chunk)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def read_safetensors(path):
    with open(path, "rb") as file:
        content = file.read()
    start = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(content[start:], DTYPES[entry["dtype"]], offset=entry["data_offsets"][0],
                            count=int(np.prod(entry["shape"]))).reshape(entry["shape"])
        for name, entry in header.items()
    }


def byte_symbols():
    """GPT-2's printable symbol of each byte: itself where it is printable, else the next free one from U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in printable]
    code = {byte: byte for byte in printable} | {byte: 256 + k for k, byte in enumerate(hidden)}
    return [chr(code[byte]) for byte in range(256)]


def write_tokenizer(path):
    """Byte-level BPE without merges: token id = byte, and 256 ends a text."""
    vocabulary = {symbol: byte for byte, symbol in enumerate(byte_symbols())}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    end = {"id": 256, "content": END, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [end],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": vocabulary | {END: 256},
            "merges": [],
        },
    }
    with open(path, "w") as file:
        json.dump(tokenizer, file, ensure_ascii=True, indent=1)
        file.write("\n")
