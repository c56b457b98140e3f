"""Lets one script use both clients of an SDK: each of these takes what the synchronous client returns
as well as what the asynchronous one does."""

import contextlib
import inspect


async def settled(value):
    return await value if inspect.isawaitable(value) else value


@contextlib.asynccontextmanager
async def entered(manager):
    if hasattr(manager, "__aenter__"):
        async with manager as value:
            yield value
    else:
        with manager as value:
            yield value


async def each(items):
    if hasattr(items, "__aiter__"):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


def extras(model):
    """Fields that the SDK does not know."""
    return dict(getattr(model, "model_extra", None) or {})


def plain(model):
    # Only what was sent: versions differ in the fields they know.
    return model.model_dump(mode="json", exclude_unset=True) if model is not None else None


def raised(error, family):
    """What an application can tell of an exception. Messages are those of the error body: what the SDK
    builds around them quotes the whole body, which names its unset fields through the gateway only."""
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, dict) else None
    response = getattr(error, "response", None)
    headers = response.headers if response is not None else {}
    module = type(error).__module__.split(".")[0]
    return {
        "class": type(error).__name__ if module == family else f"{module}.{type(error).__name__}",
        "status": getattr(error, "status_code", None),
        "message": inner.get("message") if inner else body if isinstance(body, str) else None,
        "type": getattr(error, "type", None),
        "param": getattr(error, "param", None),
        "code": getattr(error, "code", None),
        "retry_after": headers.get("retry-after"),
        "should_retry": headers.get("x-should-retry"),
        "has_request_id": bool(getattr(error, "request_id", None)),
    }


async def outcome(call, client, model, family):
    """What the application saw of one call, with everything that had arrived before an exception."""
    seen = {}
    try:
        await call(client, model, seen)
    except Exception as error:  # whatever it is, the application sees it
        seen["raised"] = raised(error, family)
    return seen
