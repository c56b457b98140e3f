"""Google's SDK answered by a provider in OpenAI's dialect; see `crossed_chat_cases`."""

import genai_calls as calls
from genai_cases import FAMILY
from genai_cases import HEAVY
from genai_cases import LEFT
from genai_cases import VERSION
from genai_cases import client

TITLE = f"google-genai {VERSION}, answered in OpenAI's dialect"
PREFIX = "cross"
WHOLE = ["plain", "length", "filtered", "page", "error-400", "error-429"]
CASES = [
    *((f"whole, {name}", calls.whole, name) for name in WHOLE),
    *((f"streamed, {name}", calls.streamed, name) for name in [*WHOLE, "one-byte", "one-packet"]),
    ("whole, tools", calls.whole_with_tools, "text-and-tools"),
    ("streamed, tools", calls.streamed_with_tools, "text-and-tools"),
    ("left early", calls.left_early, "endless"),
]


def comparable(seen):
    """Without what each provider has of its own, and of a stream what it comes to: parts and ends."""
    for answer in [seen["answer"]] if "answer" in seen else []:
        seen["answer"] = {"candidates": answer.get("candidates"), "usage": counted(answer)}
    if "chunks" in seen:
        candidates = [candidate for chunk in seen["chunks"] for candidate in chunk.get("candidates", [])]
        seen["usage"] = counted(seen["chunks"][-1]) if seen["chunks"] else None
        seen["ends"] = [candidate["finish_reason"] for candidate in candidates if "finish_reason" in candidate]
        parts = [part for candidate in candidates for part in candidate["content"].get("parts", [])]
        seen["chunks"] = [part for part in parts if part != {"text": ""}]
    return seen


def counted(answer):
    """Google tells numbers by the kind of what was read besides."""
    usage = answer["usage_metadata"]
    return {name: count for name, count in usage.items() if name != "prompt_tokens_details"}
