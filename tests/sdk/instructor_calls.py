"""The application that uses Instructor: answers as objects, by tools or by a schema."""

import dataclasses

import pydantic

from either import each
from either import plain
from either import settled

ASK = [{"role": "user", "content": "Say h\u00e9llo."}]
BOUND = 100


class Person(pydantic.BaseModel):
    """Somebody."""

    name: str
    born: int
    tags: list[str]


@dataclasses.dataclass
class Client:
    """What Instructor makes of an SDK's client, and the SDK's client."""

    made: object
    inner: object

    def create(self, model, how="create", **fields):
        create = getattr(self.made, how)
        return create(model=model, max_tokens=BOUND, messages=ASK, response_model=Person, **fields)

    async def close(self):
        await settled(self.inner.close())


async def whole(client, model, seen, **fields):
    person, answer = await settled(client.create(model, how="create_with_completion", **fields))
    seen.update(person=plain(person), usage=plain(answer.usage), model=answer.model)


async def partial(client, model, seen):
    """The object as it grows."""
    seen["people"] = []
    async for person in each(client.create(model, how="create_partial")):
        seen["people"].append(person.model_dump(mode="json"))


CASES = [
    ("whole", whole, "person"),
    ("partial", partial, "person"),
    ("asked again", whole, "person-later"),
    *((f"whole, {name}", whole, name) for name in ("error-400", "error-429-stop", "error-500", "error-529", "plain")),
    *((f"partial, {name}", partial, name) for name in ("error-400", "error-late")),
]
# An answer in words instead of a call of the tool.
RAISING = {"whole, plain"}
