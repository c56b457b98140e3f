#!/bin/sh
# Puts ONNX Runtime's shared library into third_party/onnxruntime/lib, checked by SHA-256.
#
# The library is 29 MB of somebody else's binary, so it is fetched and never committed. It is taken
# out of the project's own Python wheel because a wheel is a plain zip with a published checksum;
# Python is needed for this step only, never at run time. Running the script again costs one checksum.
set -eu

VERSION=1.31.1
WHEEL="onnxruntime-$VERSION-cp311-cp311-manylinux_2_28_x86_64.whl"
WHEEL_SHA256=5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f
LIBRARY="libonnxruntime.so.$VERSION"
LIBRARY_SHA256=fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3

MODELS=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
TARGET="$(dirname -- "$MODELS")/third_party/onnxruntime"

fail() {
    printf 'fetch_onnxruntime: %s\n' "$1" >&2
    exit 1
}

is() { # FILE SHA256
    [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]
}

link() {
    ln -sf "$LIBRARY" "$TARGET/lib/libonnxruntime.so.1"
    ln -sf "$LIBRARY" "$TARGET/lib/libonnxruntime.so"
}

if is "$TARGET/lib/$LIBRARY" "$LIBRARY_SHA256"; then
    link
    echo "ONNX Runtime $VERSION is in place: $TARGET/lib"
    exit 0
fi

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || fail "there is a pinned library for x86-64 Linux only, this is \
$(uname -s) $(uname -m). Build ONNX Runtime $VERSION or newer yourself and name it in ORT_DYLIB_PATH, or go on without: \
the gateway then serves everything but semantic cache hits."

"$MODELS/install_python.sh"

DOWNLOAD=$(mktemp -d)
trap 'rm -rf "$DOWNLOAD"' EXIT INT TERM

python3 -m pip download --quiet --disable-pip-version-check --dest "$DOWNLOAD" \
    --no-deps --only-binary=:all: --platform manylinux_2_28_x86_64 --python-version 3.11 \
    --implementation cp --abi cp311 "onnxruntime==$VERSION" ||
    fail "pip could not download onnxruntime $VERSION. Check the network and pip's own settings (pip config list), or put \
$LIBRARY into $TARGET/lib by hand and run this again."

is "$DOWNLOAD/$WHEEL" "$WHEEL_SHA256" ||
    fail "the downloaded $WHEEL is not the pinned one (SHA-256 $WHEEL_SHA256); nothing was installed."

mkdir -p "$TARGET/lib"
python3 - "$DOWNLOAD/$WHEEL" "$TARGET" "$LIBRARY" <<'PYTHON'
import os, shutil, sys, zipfile

wheel, target, library = sys.argv[1:]
members = {
    f"onnxruntime/capi/{library}": f"lib/{library}",
    "onnxruntime/LICENSE": "LICENSE",
    "onnxruntime/ThirdPartyNotices.txt": "ThirdPartyNotices.txt",
}
with zipfile.ZipFile(wheel) as archive:
    for member, name in members.items():
        # Written beside its place and renamed, so that an interrupted run leaves no half a library.
        partial = os.path.join(target, name + ".partial")
        with archive.open(member) as source, open(partial, "wb") as sink:
            shutil.copyfileobj(source, sink)
        os.replace(partial, os.path.join(target, name))
PYTHON

is "$TARGET/lib/$LIBRARY" "$LIBRARY_SHA256" || fail "$TARGET/lib/$LIBRARY does not have SHA-256 $LIBRARY_SHA256"
link
echo "ONNX Runtime $VERSION installed: $TARGET/lib"
