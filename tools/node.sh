# Prints the Node.js for the tests with clients from npm: the first on PATH, or
# "none" when asked for none, or where there is none: then in words.
# The argument is Node's name or path, "none", or nothing. What is named must be
# there.
set -eu

if [ "${1:-}" = none ]; then
	echo none
	exit
fi
if ! path=$(command -v "${1:-node}"); then
	[ -z "${1:-}" ] || { echo "There is no $1 on PATH." >&2; exit 1; }
	missing="There is no node on PATH"
elif ! command -v npm >/dev/null && [ ! -d internal/e2e/node/node_modules ]; then
	[ -z "${1:-}" ] || { echo "There is no npm on PATH." >&2; exit 1; }
	missing="There is no npm on PATH"
else
	echo "$path"
	exit
fi
echo "NOT RUN: the tests with openid-client, oauth4webapi and oidc-client-ts (internal/e2e/node). $missing; all others run." >&2
echo none
