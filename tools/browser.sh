# Prints the browser for the tests: the first on PATH, or "none" when asked for
# none. Debian's is installed where it is missing and we may.
# The argument is a browser's name or path, "none", or nothing.
set -eu

if [ "${1:-}" = none ]; then
	echo none
	exit
fi
for name in ${1:+"$1"} chromium chromium-browser google-chrome google-chrome-stable chrome \
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" /Applications/Chromium.app/Contents/MacOS/Chromium; do
	if path=$(command -v "$name"); then
		echo "$path"
		exit
	fi
	if [ "$name" = "${1:-}" ]; then
		echo "There is no $1 on PATH." >&2
		exit 1
	fi
done
if [ -e /etc/debian_version ] && [ "$(id -u)" = 0 ]; then
	echo "No browser on PATH: installing Debian's chromium." >&2
	apt-get update -q >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium fonts-liberation >&2
	command -v chromium
	exit
fi
cat >&2 <<'HELP'
The tests drive a real browser, and none of chromium, chromium-browser,
google-chrome and chrome is on PATH.
  Debian, Ubuntu   sudo apt-get install chromium
  Fedora           sudo dnf install chromium
  macOS            brew install --cask google-chrome
All other tests run without one:
  make test BROWSER=none
HELP
exit 1
