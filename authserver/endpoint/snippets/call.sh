
token=$(printf %s "$answer" | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
[ -n "$token" ] || { echo "no token: $answer" >&2; exit 1; }

«if .DPoP»ask GET «sh .APIURL» "$token" -H "Authorization: DPoP $token"
printf '%s\n' "$answer"
«- else»curl -sS «sh .APIURL» -H "Authorization: Bearer $token"
echo
«- end»
