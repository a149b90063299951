#!/bin/sh
# Builds .venv from nothing but a Python: the hash-pinned uv, then the hashed lock, then Tollbook itself.
# Usage: tools/make_venv.sh STAMP    (run by make when the lock has changed; STAMP marks the finished work)
set -eu

stamp=$1
venv=.venv

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11 python3; do
        if is_new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "Tollbook needs Python 3.11 or newer; ${PYTHON:-python3} is $("${PYTHON:-python3}" --version 2>&1 || true)." \
        "Install one, or name it: make PYTHON=/path/to/python3.12"
}

create_venv() {
    python=$(find_python)
    echo "==> Creating $venv with $("$python" --version)"
    rm -rf "$venv"
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        fail "$python cannot make virtual environments: Debian and Ubuntu keep that in a package of its own." \
            "Install it as root, then run make again: apt-get install python3-venv (or python$version-venv)"
    fi
    "$python" -m venv "$venv"
}

# One whose making was interrupted, or whose interpreter has been upgraded away, is made again.
"$venv/bin/python" -c 'import pip' 2>/dev/null || create_venv

echo "==> Installing the locked packages"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --require-hashes --only-binary :all: -r requirements/uv.txt
uv="$venv/bin/uv"
"$uv" pip sync --quiet --python "$venv/bin/python" \
    --require-hashes --only-binary :all: requirements/dev.txt

echo "==> Installing Tollbook"
"$uv" pip install --quiet --python "$venv/bin/python" --offline --no-deps --no-build-isolation --editable .

rm -f "$venv"/.installed-*
touch "$stamp"
