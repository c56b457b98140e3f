"""What an answer says, in no dialect: read from the objects of official SDKs, so that it can be held against
what the same answer says in another dialect.

`texts` are runs of words that nothing stands between, `order` the kinds of what is said. `seals` are what
providers have to be given back in the next turn. `sources` are addresses and titles, `cited` the words that each
address stands behind, none where nobody says which.
"""

import base64
import dataclasses
import hashlib
import json
import re

from openai.types import CompletionUsage

NOTHING_USED = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
# How the gateway carries a provider's seal where another dialect's belongs.
ITEM, SIGNATURE, REDACTED = "ringgate:reasoning:", "ringgate:thinking:", "ringgate:redacted:"
GEMINI = re.compile("gemini(-text|-thought)?:")
ENCLOSED = b"ringgate:"


@dataclasses.dataclass
class Summary:
    model: str | None = None
    choices: int = 1
    texts: list = dataclasses.field(default_factory=list)
    refusal: str = ""
    thoughts: list = dataclasses.field(default_factory=list)
    seals: list = dataclasses.field(default_factory=list)
    calls: list = dataclasses.field(default_factory=list)
    order: list = dataclasses.field(default_factory=list)
    sources: list = dataclasses.field(default_factory=list)
    cited: list = dataclasses.field(default_factory=list)
    media: list = dataclasses.field(default_factory=list)
    logprobs: list = dataclasses.field(default_factory=list)
    stop: str | None = None
    stop_sequence: str | None = None
    tier: str | None = None
    # Did the first event of the stream tell it? Not part of what is compared.
    is_tier_late: bool = False
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0

    def say(self, kind, value=None):
        """Adds something said; words that follow words are one run."""
        runs = {"text": self.texts, "thought": self.thoughts, "call": self.calls, "media": self.media}
        if kind in ("text", "thought") and not value:
            return
        if kind == "text" and self.order[-1:] == ["text"]:
            self.texts[-1] += value
            return
        runs[kind].append(value)
        if self.order[-1:] != [kind]:
            self.order.append(kind)

    def seal(self, text):
        if text and opened(text):
            self.seals.append(opened(text))

    def cite(self, url, title, words=""):
        if url and (url, title or "") not in self.sources:
            self.sources.append((url, title or ""))
        if url and (url, words) not in self.cited:
            self.cited.append((url, words))

    def start_with(self, tier):
        """`tier` as the first event of a stream told it; none of an answer that is whole."""
        self.is_tier_late = tier is not None and TIERS.get(tier) != self.tier

    def end(self):
        """Not every provider says why an answer ended, and some say of calls that they are the end."""
        if self.stop in (None, "", "stop"):
            self.stop = "tools" if self.calls else "stop"

    def call(self, id, name, arguments):
        self.say("call", (id, name, json.dumps(arguments, sort_keys=True)))

    def picture(self, kind, data):
        self.say("media", (kind, hashlib.sha256(data.encode()).hexdigest()[:12]))

    def sound(self, data):
        self.say("media", ("sound", hashlib.sha256(data.encode()).hexdigest()[:12]))


def opened(text):
    """A seal without the marks of its way."""
    if isinstance(text, bytes):
        if text.startswith(ENCLOSED):
            return opened(text[len(ENCLOSED) + 1 :].decode())
        return base64.b64encode(text).decode()
    if text.startswith(ITEM):
        return json.loads(text.removeprefix(ITEM)).get("encrypted_content") or ""
    for mark in (SIGNATURE, REDACTED):
        if text.startswith(mark):
            return opened(text.removeprefix(mark))
    gemini = GEMINI.match(text)
    if gemini:
        # Its SDKs know bytes, and write them in their own alphabet.
        return base64.b64encode(base64.b64decode(text[gemini.end() :])).decode()
    return text


def arguments(text):
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return {"invalid_arguments": text}


def number(value):
    return value or 0


# Words of all dialects for an end and for a tier.
STOPS = {
    "stop": "stop", "length": "length", "tool_calls": "tools", "function_call": "tools", "content_filter": "filter",
    "end_turn": "stop", "stop_sequence": "sequence", "max_tokens": "length", "tool_use": "tools", "refusal": "refusal",
    "pause_turn": "pause", "STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "filter", "PROHIBITED_CONTENT": "filter",
    "MODEL_ARMOR": "filter",
    "max_output_tokens": "length", "COMPLETE": "stop", "TOOL_CALL": "tools", "ERROR": "error",
}
TIERS = {
    "default": "default", "standard": "default", "on_demand": "default", "priority": "priority", "flex": "flex",
    "batch": "batch", "scale": "scale", "ON_DEMAND": "default",
    "ON_DEMAND_FLEX": "flex", "ON_DEMAND_PRIORITY": "priority",
}


def of_chat(answer):
    told = Summary(model=answer.model, choices=len(answer.choices), tier=TIERS.get(answer.service_tier))
    choice = answer.choices[0]
    message = choice.message
    extra = message.model_extra or {}
    for block in extra.get("thinking_blocks") or []:
        told.say("thought", block.get("thinking"))
        told.seal(block.get("signature") or block.get("data"))
    if "thinking_blocks" not in extra:
        # Who serves models of several makers has details beside the words, or in place of them.
        details = extra.get("reasoning_details") or []
        detailed = "".join(detail.get("text") or detail.get("summary") or "" for detail in details)
        told.say("thought", extra.get("reasoning_content") or extra.get("reasoning") or detailed)
        for detail in details:
            if (detail.get("format") or "").startswith("anthropic"):
                told.seal(detail.get("signature") or detail.get("data"))
    pieces = message.content if isinstance(message.content, list) else [{"type": "text", "text": message.content}]
    for piece in pieces:
        if piece["type"] == "thinking":
            told.say("thought", "".join(inner["text"] for inner in piece["thinking"]))
        elif piece["type"] == "text":
            told.say("text", piece["text"])
    for call in message.tool_calls or []:
        told.call(call.id, call.function.name, arguments(call.function.arguments))
        google = ((call.model_extra or {}).get("extra_content") or {}).get("google") or {}
        seal = google.get("thought_signature")
        if seal and opened(f"gemini:{seal}") not in told.seals:
            told.seal(f"gemini:{seal}")
    told.refusal = message.refusal or ""
    for annotation in message.annotations or []:
        if annotation.type == "url_citation":
            source = annotation.url_citation
            told.cite(source.url, source.title, message.content[source.start_index : source.end_index])
    if not told.sources:
        # Some list what they found beside the choices, with names or without.
        beside = answer.model_extra or {}
        for found in beside.get("search_results") or beside.get("citations") or []:
            told.cite(*((found["url"], found.get("title")) if isinstance(found, dict) else (found, None)))
    for image in extra.get("images") or []:
        head, _, data = image["image_url"]["url"].partition(",")
        told.picture(head.removeprefix("data:").removesuffix(";base64"), data)
    if message.audio and message.audio.data:
        told.sound(message.audio.data)
    if choice.logprobs and choice.logprobs.content:
        told.logprobs = [entry(one.token, one.logprob, one.top_logprobs) for one in choice.logprobs.content]
    told.stop = STOPS.get(choice.finish_reason, choice.finish_reason)
    told.end()
    told.start_with(getattr(answer, "tier_at_start", None))
    groq = (answer.model_extra or {}).get("x_groq") or {}
    of_chat_usage(told, answer.usage or CompletionUsage.model_validate(groq.get("usage") or NOTHING_USED))
    return told


def entry(token, logprob, tops):
    return token, round(logprob, 6), [(top.token, round(top.logprob, 6)) for top in tops or []]


def of_chat_usage(told, usage):
    told.input, told.output = usage.prompt_tokens, usage.completion_tokens
    read, spent = usage.prompt_tokens_details, usage.completion_tokens_details
    extra = usage.model_extra or {}
    cached = read.cached_tokens if read else extra.get("prompt_cache_hit_tokens") or extra.get("num_cached_tokens")
    told.cache_read = number(cached)
    told.cache_write = number(getattr(read, "cache_write_tokens", None))
    told.reasoning = number(getattr(spent, "reasoning_tokens", None))


def of_response(answer, items):
    told = Summary(model=answer.model, tier=TIERS.get(answer.service_tier))
    for item in items:
        of_item(told, item)
    told.start_with(getattr(answer, "tier_at_start", None))
    reason = answer.incomplete_details.reason if answer.incomplete_details else None
    told.stop = STOPS.get(reason, reason) or ("tools" if told.calls else "stop")
    usage = answer.usage
    if usage:
        told.input, told.output = usage.input_tokens, usage.output_tokens
        told.cache_read = number(usage.input_tokens_details.cached_tokens)
        told.cache_write = number(getattr(usage.input_tokens_details, "cache_write_tokens", None))
        told.reasoning = number(usage.output_tokens_details.reasoning_tokens)
    return told


def of_item(told, item):
    match item.type:
        case "message":
            for piece in item.content:
                if piece.type == "refusal":
                    told.refusal += piece.refusal
                    continue
                told.say("text", piece.text)
                for annotation in piece.annotations or []:
                    if annotation.type == "url_citation":
                        words = piece.text[annotation.start_index : annotation.end_index]
                        told.cite(annotation.url, annotation.title, words)
                told.logprobs += [entry(one.token, one.logprob, one.top_logprobs) for one in piece.logprobs or []]
        case "reasoning":
            pieces = item.content or item.summary or []
            told.say("thought", "\n\n".join(piece.text for piece in pieces))
            told.seal(item.encrypted_content)
        case "function_call":
            told.call(item.call_id, item.name, arguments(item.arguments))
        case "image_generation_call" if item.result:
            told.picture("image/" + (item.model_extra or {}).get("output_format", "png"), item.result)


def of_message(answer):
    told = Summary(model=answer.model, tier=TIERS.get(answer.usage.service_tier))
    for block in answer.content:
        match block.type:
            case "text":
                told.say("text", block.text)
                for citation in block.citations or []:
                    url = getattr(citation, "url", None) or getattr(citation, "source", None)
                    told.cite(url, citation_title(citation), block.text)
            case "thinking":
                told.say("thought", block.thinking)
                told.seal(block.signature)
            case "redacted_thinking":
                told.seal(block.data)
            case "tool_use":
                told.call(block.id, block.name, block.input)
    told.stop = STOPS.get(answer.stop_reason, answer.stop_reason)
    told.end()
    told.stop_sequence = answer.stop_sequence
    usage = answer.usage
    told.cache_read, told.cache_write = number(usage.cache_read_input_tokens), number(usage.cache_creation_input_tokens)
    told.input, told.output = usage.input_tokens + told.cache_read + told.cache_write, usage.output_tokens
    told.reasoning = number(usage.output_tokens_details.thinking_tokens if usage.output_tokens_details else 0)
    return told


def citation_title(citation):
    return getattr(citation, "title", None) or getattr(citation, "document_title", None)


def of_gemini(chunks):
    """Of all chunks of a stream, or of the one that a whole answer is."""
    answers = [chunk.answer for chunk in chunks]
    told = Summary(model=answers[-1].model_version)
    candidates = [answer.candidates[0] for answer in answers if answer.candidates]
    told.choices = max(len(answer.candidates or []) for answer in answers)
    for candidate in candidates:
        for part in (candidate.content.parts if candidate.content else None) or []:
            of_part(told, part)
        if candidate.finish_reason:
            told.stop = STOPS.get(candidate.finish_reason.value, candidate.finish_reason.value)
        of_grounding(told, candidate)
        of_gemini_logprobs(told, candidate.logprobs_result)
    told.end()
    for usage in [answer.usage_metadata for answer in answers if answer.usage_metadata]:
        told.cache_read = number(usage.cached_content_token_count)
        told.reasoning = number(usage.thoughts_token_count)
        told.input = number(usage.prompt_token_count) + number(usage.tool_use_prompt_token_count)
        told.output = number(usage.candidates_token_count) + told.reasoning
        told.tier = TIERS.get(usage.traffic_type.value) if usage.traffic_type else told.tier
    for chunk in chunks:
        told.tier = TIERS.get(chunk.tier, told.tier)
    return told


def of_part(told, part):
    # What Google's own tools do is no part of a conversation elsewhere, and neither is its seal.
    if part.tool_call or part.tool_response or part.executable_code or part.code_execution_result:
        return
    if part.function_call:
        told.call(part.function_call.id, part.function_call.name, part.function_call.args or {})
    elif part.inline_data:
        told.picture(part.inline_data.mime_type, base64.b64encode(part.inline_data.data).decode())
    elif part.thought:
        # Pieces of one thought come one after the other.
        if told.order[-1:] == ["thought"] and part.text:
            told.thoughts[-1] += part.text
        else:
            told.say("thought", part.text)
    else:
        told.say("text", part.text)
    told.seal(part.thought_signature)


def of_grounding(told, candidate):
    grounding = candidate.grounding_metadata
    chunks = (grounding.grounding_chunks if grounding else None) or []
    for support in (grounding.grounding_supports if grounding else None) or []:
        for place in support.grounding_chunk_indices or []:
            source = chunks[place].web or chunks[place].retrieved_context or chunks[place].maps
            if source:
                told.cite(source.uri, source.title, words_of(told, support.segment))
    for citation in (candidate.citation_metadata.citations if candidate.citation_metadata else None) or []:
        told.cite(citation.uri, citation.title, words_of(told, citation))


def words_of(told, segment):
    """The words of a segment, which counts bytes."""
    if not segment or not segment.end_index:
        return ""
    return "".join(told.texts).encode()[segment.start_index or 0 : segment.end_index].decode()


def of_gemini_logprobs(told, result):
    for place, chosen in enumerate((result.chosen_candidates if result else None) or []):
        tops = (result.top_candidates or [])[place : place + 1]
        tops = [(top.token, round(top.log_probability, 6)) for one in tops for top in one.candidates or []]
        told.logprobs.append((chosen.token, round(chosen.log_probability, 6), tops))


def of_converse(answer):
    """Of what Amazon's parser makes of an answer, or of its events put together."""
    told = Summary(tier=TIERS.get((answer.get("serviceTier") or {}).get("type")))
    for block in answer["output"]["message"]["content"]:
        if "text" in block:
            told.say("text", block["text"])
        elif "citationsContent" in block:
            words = "".join(piece["text"] for piece in block["citationsContent"].get("content") or [])
            told.say("text", words)
            for citation in block["citationsContent"].get("citations") or []:
                told.cite((citation.get("location") or {}).get("web", {}).get("url"), citation.get("title"), words)
        elif "reasoningContent" in block:
            thought = block["reasoningContent"]
            told.say("thought", thought.get("reasoningText", {}).get("text"))
            redacted = thought.get("redactedContent")
            told.seal(thought.get("reasoningText", {}).get("signature"))
            if redacted:
                told.seals.append(redacted.decode())
        elif "toolUse" in block and block["toolUse"].get("type") != "server_tool_use":
            told.call(block["toolUse"]["toolUseId"], block["toolUse"]["name"], block["toolUse"].get("input") or {})
    told.stop = STOPS.get(answer["stopReason"], answer["stopReason"])
    usage = answer["usage"]
    told.cache_read = number(usage.get("cacheReadInputTokens"))
    told.cache_write = number(usage.get("cacheWriteInputTokens"))
    told.input = usage["inputTokens"] + told.cache_read + told.cache_write
    told.output = usage["outputTokens"]
    return told


def of_converse_events(events):
    answer = {"output": {"message": {"content": []}}}
    blocks, inputs = {}, {}
    for event in events:
        (name, told), *_ = event.items()
        if name == "contentBlockStart":
            blocks[told["contentBlockIndex"]] = {key: dict(value) for key, value in told["start"].items()}
        elif name == "contentBlockDelta":
            place = told["contentBlockIndex"]
            add_delta(blocks.setdefault(place, {}), told["delta"], inputs, place)
        elif name == "messageStop":
            answer["stopReason"] = told["stopReason"]
        elif name == "metadata":
            answer |= told
    for place, text in inputs.items():
        blocks[place]["toolUse"]["input"] = arguments(text)
    answer["output"]["message"]["content"] = [blocks[place] for place in sorted(blocks)]
    return of_converse(answer)


def add_delta(block, delta, inputs, place):
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    if "toolUse" in delta:
        inputs[place] = inputs.get(place, "") + delta["toolUse"]["input"]
    for name, value in delta.get("reasoningContent", {}).items():
        thought = block.setdefault("reasoningContent", {})
        if name == "redactedContent":
            thought[name] = thought.get(name, b"") + value
        else:
            inner = thought.setdefault("reasoningText", {})
            inner[name] = inner.get(name, "") + value


def of_cohere(answer):
    told = Summary(stop=STOPS.get(answer["finish_reason"], answer["finish_reason"]))
    told.say("thought", answer["message"].get("tool_plan"))
    for piece in answer["message"].get("content") or []:
        told.say("thought" if piece["type"] == "thinking" else "text", piece.get("thinking") or piece.get("text"))
    for citation in answer["message"].get("citations") or []:
        for source in citation.get("sources") or []:
            cited = source.get("document") or source.get("tool_output") or {}
            told.cite(cited.get("url"), cited.get("title"), citation["text"])
    for call in answer["message"].get("tool_calls") or []:
        told.call(call["id"], call["function"]["name"], arguments(call["function"]["arguments"]))
    usage = answer["usage"]
    told.input, told.output = usage["tokens"]["input_tokens"], usage["tokens"]["output_tokens"]
    told.cache_read = number(usage.get("cached_tokens"))
    return told


def summaries(dialect, answer, stream):
    """All that an application can take an answer to say."""
    match dialect:
        case "openai_chat":
            return [of_chat(answer)]
        case "openai_responses" if stream:
            ended, pieces, done = answer
            whole, added, items = (of_response(ended, output) for output in (ended.output, pieces, done))
            # OpenAI seals reasoning anew in every event. The SDK puts words and calls together, and no more.
            whole.seals = items.seals
            if "".join(added.texts) == "".join(whole.texts):
                added.texts = whole.texts
            kept = {name: getattr(whole, name) for name in ("thoughts", "order", "seals", "sources", "cited", "logprobs", "media")}
            return [whole, items, dataclasses.replace(added, **kept)]
        case "openai_responses":
            return [of_response(answer, answer.output)]
        case "anthropic_messages":
            return [of_message(answer)]
        case "gemini":
            return [of_gemini(answer if stream else [answer])]
        case "bedrock_converse":
            return [of_converse_events(answer) if stream else of_converse(answer)]
        case "cohere_chat":
            return [of_cohere(answer)]
