#!/usr/bin/env bash
# Installs what tests need of the system, where it is missing: tests/install.sh browser|tools
#   browser  Chromium and a Chinese font, for the page tests
#   tools    PostgreSQL and poppler's PDF tools, for the casebook's tests
set -euo pipefail

fail() { printf 'mianzheng: %s\n' "$*" >&2; exit 1; }
has_browser() {
  { [ -x /usr/bin/chromium ] || command -v chromium >/dev/null 2>&1; } &&
    command -v fc-list >/dev/null 2>&1 && [ -n "$(fc-list :lang=zh family 2>/dev/null)" ]
}
has_tools() {
  local servers=(/usr/lib/postgresql/*/bin/initdb)
  { [ -x "${servers[0]}" ] || command -v initdb >/dev/null 2>&1; } && command -v pdftoppm >/dev/null 2>&1
}

case "${1:-}" in
  browser) what="Chromium and a Chinese font" packages=(chromium fonts-noto-cjk fontconfig) ;;
  tools) what="PostgreSQL and pdftoppm" packages=(postgresql poppler-utils) ;;
  *) fail "say what to install: tests/install.sh browser|tools" ;;
esac
"has_$1" && exit 0
wanted="the tests need $what; install the packages ${packages[*]}."
command -v apt-get >/dev/null 2>&1 || fail "$wanted"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || fail "$wanted"
  as_root=(sudo)
fi
printf '· installing %s for the tests\n' "$what"
"${as_root[@]}" apt-get update -qq >/dev/null 2>&1 &&
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq "${packages[@]}" >/dev/null 2>&1 ||
  fail "could not install them; $wanted"
"has_$1" || fail "installed them and still cannot find them; $wanted"
