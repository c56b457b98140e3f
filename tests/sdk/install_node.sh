#!/bin/sh
# Makes sure that there is a Node with npm for the SDK tests. As root Debian's two packages are installed;
# otherwise the caller is told the one command to run, because a build must not ask for a password.
set -eu

ready() {
    command -v npm >/dev/null 2>&1 && node -e 'process.exit(process.versions.node.split(".")[0] < 18 ? 1 : 0)' 2>/dev/null
}

if ready; then
    exit 0
fi

PACKAGES="nodejs npm"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing $PACKAGES"
    apt-get update -qq
    # shellcheck disable=SC2086 # two words, two packages
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $PACKAGES
fi

ready || {
    echo "Node 18 or newer with npm was not found. On Debian 12 or Ubuntu 24.04 run: sudo apt-get install $PACKAGES" >&2
    exit 1
}
