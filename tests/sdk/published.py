"""Answers in OpenAI's dialects, held against the schemas that OpenAI publishes (`openapi/answers.json`)."""

import functools
import json
import pathlib

import jsonschema

DOCUMENT = pathlib.Path(__file__).parent / "openapi" / "answers.json"
# Texts longer than this are only texts; what is shorter may be a word that a schema knows.
WORD_MAX = 40


@functools.cache
def document():
    return json.loads(DOCUMENT.read_text())


@functools.cache
def validator(name):
    schema = {"$ref": f"#/components/schemas/{name}", "components": document()["components"]}
    return jsonschema.Draft202012Validator(schema)


@functools.cache
def events():
    """Schemas of the events of a response by their type."""
    schemas = document()["components"]["schemas"]
    members = [one["$ref"].rpartition("/")[2] for one in schemas["ResponseStreamEvent"]["anyOf"]]
    return {word: name for name in members for word in schemas[name]["properties"]["type"]["enum"]}


judged = {}


def complaints(kind, value):
    """What is wrong with an answer of this kind (a key of `answers`), place by place."""
    name = document()["answers"][kind]
    if kind == "responses event":
        name = events().get(value.get("type"))
        if name is None:
            return [f"{value.get('type')}: no such event"]
    key = name, json.dumps(shape(value), sort_keys=True)
    if key not in judged:
        judged[key] = sorted({told for error in validator(name).iter_errors(value) for told in leaves(error)})
    return judged[key]


def shape(value):
    """`value` without what no schema looks at, so that what looks alike is judged once."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        shapes = {json.dumps(shape(inner), sort_keys=True) for inner in value}
        return sorted(shapes)
    if isinstance(value, str) and len(value) > WORD_MAX:
        return "text"
    if isinstance(value, int) and not isinstance(value, bool):
        return min(max(value, -1), 1)
    return value


def leaves(error, path=""):
    """The places where an answer is wrong, in the member of a union that it comes nearest to."""
    path = path + "".join(f".{step}" if isinstance(step, str) else ".[]" for step in error.path)
    if error.context:
        members = {}
        for inner in error.context:
            members.setdefault(inner.schema_path[0], []).append(inner)
        is_other = lambda inner: list(inner.path)[-1:] == ["type"] and inner.validator in ("enum", "const")
        meant = [inners for inners in members.values() if not any(is_other(inner) for inner in inners)]
        for inner in min(meant or members.values(), key=len):
            yield from leaves(inner, path)
        return
    if error.validator == "required":
        path += f".{error.message.split(chr(39))[1]}"
    yield f"{path.removeprefix('.')}: {error.validator}"
