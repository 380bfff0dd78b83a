# Fails when a templ file is not formatted, or its committed Go file is not what
# templ makes of it now. Works on a copy and changes nothing.
set -eu

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
find . -name '*.templ' -not -path './.*' | tar -cf - -T - | tar -xf - -C "$copy"
cp go.mod "$copy"
log=$copy/log
go tool templ fmt -fail "$copy" >"$log" 2>&1 || {
	cat "$log"
	echo "run: make generate" >&2
	exit 1
}
go tool templ generate -path "$copy" >"$log" 2>&1 || {
	cat "$log" >&2
	exit 1
}
{
	find . -name '*_templ.go' -not -path './.*'
	(cd "$copy" && find . -name '*_templ.go')
} | sort -u | {
	stale=
	while read -r file; do
		cmp -s "$file" "$copy/$file" || stale="$stale $file"
	done
	if [ -n "$stale" ]; then
		echo "run: make generate. Not what templ makes now:$stale" >&2
		exit 1
	fi
}
