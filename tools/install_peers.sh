#!/bin/sh
# Installs the real switches and clients of tests/peers from Debian's packages; needs root, unless they
# are there already. Tests that miss them are skipped.
set -eu

packages="kamailio kamailio-radius-modules kamailio-utils-modules sip-tester freeradius-utils"

is_installed() {
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=
for package in $packages; do
    is_installed "$package" || missing="$missing $package"
done
if [ -z "$missing" ]; then
    echo "Installed already: $packages"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "The peers are Debian packages, and there is no apt-get here. Install by hand:$missing" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "Installing needs root. Run as root: apt-get install$missing" >&2
    exit 1
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet --quiet
# shellcheck disable=SC2086 # one word a package
apt-get install --quiet --quiet --no-install-recommends $missing
# The tests start servers of their own, on loopback; none is left running on the usual port.
if [ -d /run/systemd/system ]; then
    systemctl disable --now kamailio
fi
