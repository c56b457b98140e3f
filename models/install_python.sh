#!/bin/sh
# Makes sure that python3 can download (pip) and make environments (venv).
#
# Debian ships python3 without either. As root the two packages are installed; otherwise the caller
# is told the one command to run, because a build must not ask for a password.
set -eu

ready() {
    python3 -m pip --version >/dev/null 2>&1 && python3 -c 'import ensurepip, venv' >/dev/null 2>&1
}

if ready; then
    exit 0
fi

PACKAGES="python3 python3-pip python3-venv"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing $PACKAGES"
    apt-get update -qq
    # shellcheck disable=SC2086 # three words, three packages
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $PACKAGES
fi

ready || {
    echo "python3 lacks pip or venv. On Debian or Ubuntu run: sudo apt-get install $PACKAGES" >&2
    exit 1
}
