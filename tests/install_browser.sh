#!/usr/bin/env bash
# Installs Chromium and a Chinese font for the page tests; does nothing where both are there.
set -euo pipefail

fail() { printf 'mianzheng: %s\n' "$*" >&2; exit 1; }
there() {
  { [ -x /usr/bin/chromium ] || command -v chromium >/dev/null 2>&1; } &&
    command -v fc-list >/dev/null 2>&1 && [ -n "$(fc-list :lang=zh family 2>/dev/null)" ]
}

there && exit 0
wanted="the page tests need Chromium and a Chinese font; install the packages chromium and fonts-noto-cjk."
command -v apt-get >/dev/null 2>&1 || fail "$wanted"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || fail "$wanted"
  as_root=(sudo)
fi
printf '· installing Chromium and a Chinese font for the page tests\n'
"${as_root[@]}" apt-get update -qq >/dev/null 2>&1 &&
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq chromium fonts-noto-cjk fontconfig >/dev/null 2>&1 ||
  fail "could not install them; $wanted"
there || fail "installed them and still cannot find them; $wanted"
