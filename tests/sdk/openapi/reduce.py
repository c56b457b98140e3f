"""Reduces OpenAI's published description of its API to the schemas of the answers that the gateway gives in
OpenAI's dialects, without prose.

    python3 tests/sdk/openapi/reduce.py openapi.json COMMIT

`openapi.json` is that of github.com/openai/openai-openapi at COMMIT, under the MIT licence in `LICENSE` beside
this file. Writes `answers.json`, which nobody edits by hand.
"""

import json
import pathlib
import sys

# Schemas by what is answered; their own parts are taken along.
ANSWERS = {
    "chat": "CreateChatCompletionResponse",
    "chat event": "CreateChatCompletionStreamResponse",
    "responses": "Response",
    "responses event": "ResponseStreamEvent",
    "embeddings": "CreateEmbeddingResponse",
    "completions": "CreateCompletionResponse",
    "models": "ListModelsResponse",
    "model": "Model",
    "error": "ErrorResponse",
}
# Says nothing about what is valid.
PROSE = {"description", "example", "examples", "title", "externalDocs", "deprecated", "default"}


def main():
    source, commit = sys.argv[1:]
    published = json.loads(pathlib.Path(source).read_text())
    schemas, needed = published["components"]["schemas"], {}
    waiting = list(ANSWERS.values())
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = plain(schemas[name])
            waiting += references(needed[name])
    version = published["info"]["version"]
    origin = f"github.com/openai/openai-openapi, version {version}, commit {commit}; MIT, see LICENSE; by reduce.py"
    target = pathlib.Path(__file__).parent / "answers.json"
    # A schema a line, so that a newer document shows what changed.
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(schema)}" for name, schema in sorted(needed.items()))
    head = f'"$comment": {json.dumps(origin)},\n"answers": {json.dumps(ANSWERS)},\n'
    target.write_text(f'{{\n{head}"components": {{"schemas": {{\n{lines}\n}}}}\n}}\n')
    print(f"{target}: {len(needed)} schemas, {target.stat().st_size} bytes")


def plain(schema, names=False):
    """`schema` without prose. Where `names` says so, its keys are names of fields, which may be any word."""
    if isinstance(schema, list):
        return [plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if names or not (key in PROSE or key.startswith("x-"))}
    told = {key: plain(value, not names and key == "properties") for key, value in kept.items()}
    # A keyword of an earlier OpenAPI, which the document still uses and validators do not know.
    nullable = not names and told.pop("nullable", False) is True
    return {"anyOf": [told, {"type": "null"}]} if nullable else told


def references(schema):
    """Names of the schemas that `schema` refers to."""
    if isinstance(schema, list):
        return [name for one in schema for name in references(one)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"].rpartition("/")[2]] if isinstance(schema.get("$ref"), str) else []
    return own + [name for value in schema.values() for name in references(value)]


if __name__ == "__main__":
    main()
