#!/bin/bash
# A device without a browser (RFC 8628): a person allows something elsewhere; then a
# first call in that person's name.
set -eu

member() { printf %s "$answer" | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }
answer=$(curl -sS «sh .DeviceURL» -d client_id=«sh .ClientID» --data-urlencode scope=«sh .Scope»)
device_code=$(member device_code) interval=$(member interval)
[ -n "$device_code" ] || { echo "no code: $answer" >&2; exit 1; }
echo "Open $(member verification_uri) and type $(member user_code)"

while :; do
  sleep "$interval"
  answer=$(curl -sS «sh .TokenURL» -d client_id=«sh .ClientID» \
    -d grant_type=urn:ietf:params:oauth:grant-type:device_code -d device_code="$device_code")
  case $(member error) in
    authorization_pending) ;;
    slow_down) interval=$((interval + 5)) ;;
    *) break ;;
  esac
done
token=$(member access_token)
[ -n "$token" ] || { echo "no token: $answer" >&2; exit 1; }

curl -sS «sh .APIURL» -H "Authorization: Bearer $token"
echo
