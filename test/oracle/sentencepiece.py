"""A small sentencepiece model with byte fallback, trained on public-domain text, as GGUF metadata has it, and its ids.

    python3 sentencepiece.py TEXT > sentencepiece.json        (needs the package sentencepiece)"""
import json
import sys
from importlib import import_module

sys.path.pop(0)
library = import_module("sentencepiece")
library.SentencePieceTrainer.train(
    input=sys.argv[1], model_prefix="/tmp/m", vocab_size=900, model_type="bpe", byte_fallback=True, character_coverage=0.995,
    normalization_rule_name="identity", remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, split_digits=True,
)
p = library.SentencePieceProcessor("/tmp/m.model")
ids = range(p.get_piece_size())


def kind(i):
    return 2 if p.is_unknown(i) else 3 if p.is_control(i) else 5 if p.is_unused(i) else 6 if p.is_byte(i) else 1


lines = [line for line in open(sys.argv[1], encoding="latin1").read().split("\n") if line.strip()][:30]
texts = lines + ["héllo 漢字 12345  two  spaces ", " lead", "x", "", "🙂"]
json.dump(
    {"tokens": [p.id_to_piece(i) for i in ids], "scores": [p.get_score(i) for i in ids], "types": [kind(i) for i in ids],
     "texts": [[text, p.encode(text)] for text in texts]},
    sys.stdout, ensure_ascii=False, separators=(",", ":"),
)
