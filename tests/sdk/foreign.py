"""Has the calls of a suite made by a program in another language, which prints what the application saw.

The program runs in a folder of its own, in which its packages lie as it expects them: Node looks for
them beside the file that imports them and nowhere else.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).parent / "node"
# Where `make sdk-venv` installs what package-lock.json pins.
INSTALLED = pathlib.Path(sys.prefix) / "node"
NODE = os.environ.get("RINGGATE_SDK_NODE", "node")
OLDEST_NODE = 18


def pinned():
    """Node packages and the versions that are installed of each."""
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    versions = {}
    for place, package in lock["packages"].items():
        versions.setdefault(place.rpartition("node_modules/")[2], set()).add(package.get("version"))
    return versions


def version(package):
    """The version of a Node package that is tested."""
    (version,) = pinned()[package]
    return version


def problem():
    """What keeps the Node suites from running, if anything does, and what to do about it."""
    try:
        told = subprocess.run([NODE, "--version"], capture_output=True, text=True).stdout
    except OSError:
        return f"{NODE} was not found: run `make sdk-venv`, or name another with RINGGATE_SDK_NODE"
    if int(told.removeprefix("v").partition(".")[0] or 0) < OLDEST_NODE:
        return f"{NODE} is {told.strip()}, but Node {OLDEST_NODE} or newer is needed"
    if not (INSTALLED / "node_modules").is_dir():
        return f"no node_modules in {INSTALLED}: run `make sdk-venv`, which installs them"
    return None


def outcomes(module, asked, places, timeout_s, at_once):
    """(case name, place) to what was seen, for calls `asked`: a list of name, place, call and model."""
    with tempfile.TemporaryDirectory() as scratch:
        place = pathlib.Path(scratch)
        for file in FOLDER.glob("*.mjs"):
            shutil.copy(file, place)
        (place / "node_modules").symlink_to(INSTALLED / "node_modules")
        told = {"places": places, "timeoutMs": int(timeout_s * 1000), "atOnce": at_once, "asked": asked}
        command = [NODE, place / "run.mjs", module]
        run = subprocess.run(command, input=json.dumps(told), stdout=subprocess.PIPE, text=True)
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    seen = {(line["name"], line["place"]): line["seen"] for line in lines}
    # Without this a program that broke down would be one in which nothing differs.
    nothing = {"seen": f"nothing: the program ended with {run.returncode}"}
    return {key: seen.get(key, nothing) for key in ((call["name"], call["place"]) for call in asked)}
