#!/usr/bin/env bash
# Installs what is missing, as Debian packages, when run as root.
#
#   scripts/need.sh WHAT[=PACKAGE]...
#
# WHAT is a command, or a pattern for a file, which needs a PACKAGE; a command's is named like it.
set -euo pipefail
missing=()
for what in "$@"; do
    name=${what%%=*}
    if [[ $name == /* ]]; then
        compgen -G "$name" >/dev/null || missing+=("${what#*=}")
    else
        command -v "$name" >/dev/null || missing+=("${what#*=}")
    fi
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing, and can't be installed here: ${missing[*]}" >&2
    exit 1
fi
install() { DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends "${missing[@]}"; }
echo "installing ${missing[*]}"
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
made=
trap 'rm -f "$log" $made' EXIT
# Packages that bring a server must not start it: the tests start their own.
if [ ! -e "$policy" ]; then
    made=$policy
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
fi
# The package lists are fetched when they are missing or too old to be of use.
install >"$log" 2>&1 || { apt-get update -q >"$log" 2>&1; install >>"$log" 2>&1; } || {
    cat "$log" >&2
    exit 1
}
