"""Where checks of the gateway run: its keys, unique models, and what the provider saw."""

import json
import os
import traceback
import urllib.parse
import urllib.request

KEY = os.environ["GATEWAY_KEY"]
NARROW_KEY = os.environ["GATEWAY_NARROW_KEY"]
SCARCE_KEY = os.environ["GATEWAY_SCARCE_KEY"]


def seen_by(provider, model):
    """What the provider noticed of one model name."""
    query = urllib.parse.urlencode({"model": model})
    with urllib.request.urlopen(f"{provider}/seen?{query}") as answer:
        return json.load(answer)


class Stand:
    def __init__(self, provider, gateway, version):
        self.provider = provider
        self.gateway = gateway
        self.version = version

    def model(self, scenario, tag):
        return f"case-{scenario}@{self.version}-check-{tag}"

    def attempts(self, model):
        return seen_by(self.provider, model)["attempts"]


def same(got, wanted):
    assert got == wanted, f"wanted {wanted!r}, got {got!r}"


def results(checks, stand):
    """(name, what is wrong or None) per check."""
    for check in checks:
        problem = None
        try:
            check(stand)
        except Exception:  # a check that cannot run has failed
            problem = "    " + traceback.format_exc().strip().replace("\n", "\n    ")
        yield check.__name__.replace("_", " "), problem
