# Installs Debian's chromium, by root or with sudo. Anywhere else it says what is needed, and fails.
set -eu

say() {
    echo "The portal's tests need Chromium: $1. Install it, or name another with CHROMIUM=/path/to/chromium." >&2
    exit 1
}

command -v apt-get > /dev/null || say "there is no apt-get here to install it with"
if [ "$(id -u)" = 0 ]; then as_root=""; else as_root="sudo -n"; fi
[ -z "$as_root" ] || command -v sudo > /dev/null || say "'apt-get install chromium' needs root"
export DEBIAN_FRONTEND=noninteractive
# The index of a fresh machine may be empty; a mirror that is away must not hide that the package is there.
$as_root apt-get update -qq || true
$as_root apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core > /dev/null ||
    say "'apt-get install chromium' failed"
command -v chromium > /dev/null || say "the package chromium brought no command of that name"
