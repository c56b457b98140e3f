"""The AI SDK with `@ai-sdk/openai-compatible`, which tells the same as `@ai-sdk/openai` through the gateway."""

from ai_openai_cases import CASES
from ai_openai_cases import DIFFERENCES
from ai_openai_cases import LEFT
from ai_openai_cases import VERSION

TITLE = f"ai {VERSION} with @ai-sdk/openai-compatible"
PROGRAM = "ai-compatible.mjs"
