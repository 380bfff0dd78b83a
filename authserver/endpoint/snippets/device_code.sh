#!/bin/bash
# A device without a browser (RFC 8628): a person allows something elsewhere; then a
# first call in that person's name.
set -eu
«- template "wants.sh" .»
«- if .Strict»

encode() { base64 | tr '+/' '-_' | tr -d '=\n'; }
«- template "sign.sh" .»
«- template "strict.sh" .»
«- end»

member() { printf %s "$answer" | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }
answer=$(curl -sS «sh .DeviceURL»«template "auth.sh" .» --data-urlencode scope=«sh .Scope»)
device_code=$(member device_code) interval=$(member interval)
[ -n "$device_code" ] || { echo "no code: $answer" >&2; exit 1; }
echo "Open $(member verification_uri) and type $(member user_code)"

while :; do
  sleep "$interval"
  «if .Strict»post «sh .TokenURL» \
    «else»answer=$(curl -sS «sh .TokenURL»«template "auth.sh" .» \
    «end»-d grant_type=urn:ietf:params:oauth:grant-type:device_code -d device_code="$device_code"«if not .Strict»)«end»
  case $(member error) in
    authorization_pending) ;;
    slow_down) interval=$((interval + 5)) ;;
    *) break ;;
  esac
done
«- template "call.sh" .»
