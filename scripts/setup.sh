#!/usr/bin/env bash
# Sets up a Debian or Ubuntu machine: system packages through apt, Python packages into .venv from the lock file.
# Safe to repeat; the second time it only checks. Argument `tests` adds what only the tests need. Environment:
#   PIP_FIND_LINKS   folder or address of wheels to prefer (optional)
#   SEALWATCH_GPU=1  install the GPU packages (CUDA builds of torch, ONNX Runtime, cuML) where nvidia-smi finds a GPU
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
stamp=.venv/.sealwatch-setup
packages=(grass-core python3-ply python3-venv cgi-mapserver lighttpd lighttpd-modules-lua gdal-bin make curl)
# The browser that opens the review page, QGIS to open what is made for it, a system that boots, and a SLURM cluster
# with accounting.
[ "${1:-}" = tests ] && packages+=(chromium python3-qgis qgis-providers systemd-container
    munge slurmctld slurmd slurm-client slurmdbd mariadb-server-core mariadb-client-core)

fail() {
    printf 'sealwatch: error: %s\n' "$*" >&2
    exit 1
}

installed() { # the package is installed and configured; a pattern may be given
    dpkg-query -W -f '${db:Status-Abbrev}\n' "$1" 2>/dev/null | grep -q '^ii'
}

missing_packages() { # one per line; "postgis" stands for the package whose name holds PostgreSQL's version
    local package
    for package in "${packages[@]}"; do
        installed "$package" || echo "$package"
    done
    installed 'postgresql-*-postgis-3' || echo postgis
}

postgis_package() { # the newest one that apt offers: postgresql-15-postgis-3 on Debian 12
    apt-cache search --names-only '^postgresql-[0-9]+-postgis-3$' | cut -d' ' -f1 | sort -V | tail -n 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_be_root() {
    [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

install_packages() {
    local wanted=() package service unwanted=() policy=/usr/sbin/policy-rc.d
    as_root apt-get update -qq
    for package in "$@"; do
        if [ "$package" = postgis ]; then
            package=$(postgis_package)
            [ -n "$package" ] || fail "apt offers no postgresql-*-postgis-3; add a repository that has PostGIS 3"
        fi
        wanted+=("$package")
    done
    # The workflow runs servers of its own: none of the packages may create or start one.
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        as_root mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    for service in lighttpd munge slurmctld slurmd slurmdbd; do
        installed "$service" || unwanted+=("$service")
    done
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        trap "as_root rm -f $policy" EXIT
    fi
    echo "Installing ${wanted[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Options::=--force-confold "${wanted[@]}"
    [ -d /run/systemd/system ] || return 0
    for service in "${unwanted[@]}"; do
        ! installed "$service" || as_root systemctl disable --quiet "$service"
    done
}

system_packages() {
    local missing named
    mapfile -t missing < <(missing_packages)
    [ "${#missing[@]}" -gt 0 ] || return 0
    if can_be_root; then
        install_packages "${missing[@]}"
        return 0
    fi
    named=$(postgis_package)
    missing=("${missing[@]/#postgis/${named:-postgresql-15-postgis-3}}")
    fail "system packages are missing and this user may not install them: ${missing[*]}
Have them installed with:
  sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}"
}

find_python() { # the first Python >= 3.11 that can make virtual environments
    local name
    for name in python3 python3.11 python3.12 python3.13 /usr/bin/python3; do
        if "$name" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return 0
        fi
    done
    fail "Python 3.11 or newer with venv is needed; found $(python3 --version 2>&1). Install python3.11 and python3.11-venv"
}

gpu_wanted() {
    [ "${SEALWATCH_GPU:-0}" = 1 ] && nvidia-smi -L >/dev/null 2>&1
}

python_packages() {
    local variant=cpu digest python from=()
    gpu_wanted && variant=gpu
    digest="$variant $(sha256sum requirements.lock pyproject.toml | sha256sum | cut -d' ' -f1)"
    [ "$(cat "$stamp" 2>/dev/null)" = "$digest" ] && return 0
    python=$(find_python)
    if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        "$python" -m venv --clear .venv
    fi
    .venv/bin/python -m pip install -q --disable-pip-version-check uv
    [ -n "${PIP_FIND_LINKS:-}" ] && from+=(--find-links "$PIP_FIND_LINKS")
    if [ "$variant" = gpu ]; then
        VIRTUAL_ENV=.venv .venv/bin/uv pip install --compile-bytecode "${from[@]}" -c requirements.lock \
            -r pyproject.toml --extra gpu --extra web --extra dev
    else
        # Without wheels at hand, take torch's CPU builds: the ordinary ones bring gigabytes of CUDA.
        [ "${#from[@]}" -gt 0 ] || from+=(--torch-backend cpu)
        VIRTUAL_ENV=.venv .venv/bin/uv pip install --compile-bytecode "${from[@]}" -r requirements.lock
    fi
    echo "$digest" >"$stamp"
}

ogc_schemas() { # packages that bring XML schemas of OGC, beside the environment: only their files are read
    [ -d .venv/ogc-schemas/pycsw ] || VIRTUAL_ENV=.venv .venv/bin/uv pip install -q --no-deps --target .venv/ogc-schemas \
        pycsw==2.6.2 mapproxy==7.0.0
}

[ -d "${HOME:-}" ] || fail "HOME (${HOME:-unset}) is not a folder; GRASS and uv need one: export HOME=..."
command -v apt-get >/dev/null || fail "no apt-get; on other systems install by hand: ${packages[*]} and PostgreSQL with PostGIS 3"
system_packages
python_packages
if [ "${1:-}" = tests ]; then ogc_schemas; fi
