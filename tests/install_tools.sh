#!/usr/bin/env bash
# Installs PostgreSQL and poppler's PDF tools for the casebook's tests; does nothing where both are there.
set -euo pipefail

fail() { printf 'mianzheng: %s\n' "$*" >&2; exit 1; }
there() {
  local servers=(/usr/lib/postgresql/*/bin/initdb)
  { [ -x "${servers[0]}" ] || command -v initdb >/dev/null 2>&1; } && command -v pdftoppm >/dev/null 2>&1
}

there && exit 0
wanted="the casebook's tests need PostgreSQL and pdftoppm; install the packages postgresql and poppler-utils."
command -v apt-get >/dev/null 2>&1 || fail "$wanted"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || fail "$wanted"
  as_root=(sudo)
fi
printf '· installing PostgreSQL and PDF tools for the tests\n'
"${as_root[@]}" apt-get update -qq >/dev/null 2>&1 &&
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq postgresql poppler-utils >/dev/null 2>&1 ||
  fail "could not install them; $wanted"
there || fail "installed them and still cannot find them; $wanted"
