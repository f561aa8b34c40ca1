#!/usr/bin/env bash
# Makes .venv from the hashed lock. usage: bot/set_up.sh [--dev]; does nothing when all is up to date.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '· %s\n' "$*"; }
fail() { printf 'mianzheng: %s\n' "$*" >&2; exit 1; }

# A pyenv shim may be on PATH and still refuse to run, so every candidate is really started.
works() { "$1" -c 'import sys, venv, ssl, sqlite3; raise SystemExit(sys.version_info[:2] != (3, 10))' >/dev/null 2>&1; }

find_python() {
  local candidate
  for candidate in "${MIANZHENG_PYTHON:-}" python3.10 python3 python \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.10*/bin/python3.10 /opt/pyenv/versions/3.10*/bin/python3.10; do
    [ -n "$candidate" ] || continue
    if works "$candidate"; then command -v "$candidate"; return; fi
  done
  if command -v uv >/dev/null 2>&1; then
    candidate=$(uv python find 3.10 2>/dev/null || true)
    if [ -n "$candidate" ] && works "$candidate"; then echo "$candidate"; return; fi
  fi
  return 1
}

locks=(requirements.lock)
[ "${1:-}" = "--dev" ] && locks=(requirements-dev.lock)

stamp=".venv/installed-$(cat "${locks[@]}" requirements-uv.lock pyproject.toml | sha256sum | cut -c1-16)-$(pwd | sha256sum | cut -c1-8)"
full=".venv/installed-$(cat requirements-dev.lock requirements-uv.lock pyproject.toml | sha256sum | cut -c1-16)-$(pwd | sha256sum | cut -c1-8)"
if { [ -e "$stamp" ] || [ -e "$full" ]; } && works .venv/bin/python; then exit 0; fi

if ! works .venv/bin/python; then
  python=$(find_python) || fail "needs Python 3.10 and found none that runs; install it (for example 'pyenv install 3.10.13') or set MIANZHENG_PYTHON to one."
  say "making .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
fi
say "installing the packages of ${locks[*]} (about a minute the first time)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
# --no-deps: the lock is complete, and one override in it must not be undone (docs/adr/0002).
for lock in "${locks[@]}"; do
  .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --require-hashes -r "$lock"
done
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
rm -f .venv/installed-*
touch "$stamp"
say "environment ready"
