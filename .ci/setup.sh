#!/bin/bash
# Makes a bare machine ready: system packages, .venv, libvirt. Says and does nothing when all of that is done.
#   .ci/setup.sh          everything
#   .ci/setup.sh python   without libvirt, for linters and fast tests
# What was done is remembered in .venv: by the digest of what decides it, and services by the boot they run in.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=$({ cat pyproject.toml .ci/*.sh; command -v python3 || true; } | sha256sum)
read -r boot </proc/sys/kernel/random/boot_id

holds() { # holds FILE TEXT
    local text=
    [ -r "$1" ] && read -r text <"$1"
    [ "$text" = "$2" ]
}

have_python() { [ -x .venv/bin/python ] && holds .venv/.set-up "$wanted"; }
have_services() { [ "$1" = python ] || holds .venv/.services "$boot"; }

stop() { # stop CODE LINE...
    local code=$1
    shift
    printf '%s\n' "$@" >&2
    exit "$code"
}

silent() { # silent WHAT COMMAND...
    local what=$1 log
    shift
    log=$(mktemp "${TMPDIR:-/tmp}/goldsmith-set-up-XXXXXX.log")
    if ! "$@" >"$log" 2>&1; then
        tail -n 20 "$log" | sed 's/^/  | /' >&2
        stop 1 "set-up: $what failed; all output is in $log" "  fix: mend the cause, then run make again"
    fi
    rm -f "$log"
}

make_python() {
    local python
    .ci/packages.sh
    python=$(.ci/python.sh) || stop 3 "Python 3.11 or newer is needed, and none is on PATH" \
        "  fix: install it (apt: python3.11, dnf: python3.12), then run make again"
    echo "set-up: Python environment in .venv, with $python"
    if [ "$(.venv/bin/python -c 'import pip, sys; print(sys._base_executable)' 2>/dev/null)" != "$python" ]; then
        silent "making .venv" "$python" -m venv --clear --prompt goldsmith .venv
    fi
    silent "pip install" .venv/bin/python -m pip install --disable-pip-version-check -e '.[test]'
    rm -f .venv/.services
    echo "$wanted" >.venv/.set-up
}

start_services() {
    echo "set-up: libvirt, its network, the state folder"
    .venv/bin/goldsmith doctor --fix --quick --quiet || exit
    echo "$boot" >.venv/.services
}

scope=${1-all}
have_python && have_services "$scope" && exit 0
exec 9<.
flock 9 # two make at once: the second one waits, and finds all done
have_python || make_python 9<&-  # a daemon that is started must not hold the lock
have_services "$scope" || start_services 9<&-
