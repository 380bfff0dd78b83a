«- if .Signs» -d client_id=«sh .ClientID» \
    -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer --data-urlencode client_assertion="$(assertion)"
«- else if .Confidential» -u «sh .ClientID»:"$ACME_CLIENT_SECRET"
«- else» -d client_id=«sh .ClientID»
«- end -»
