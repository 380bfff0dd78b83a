# A token for the application itself (RFC 6749 §4.4), and a first call with it.«if .Strict»
# It wants: pip install cryptography«end»
«if .Strict -»
«pyimports . "json" "os" "urllib.error" "urllib.parse" "urllib.request"»

CLIENT_ID = «str .ClientID»
«- if .Confidential»
SECRET = os.environ["ACME_CLIENT_SECRET"]
«- end»
«- template "strict.py" .»


token = member("access_token", ask(«str .TokenURL», {"grant_type": "client_credentials", "scope": «str .Scope»}))
print(ask(«str .APIURL», token=token))
«else -»
import base64
import json
import os
import urllib.parse
import urllib.request

CLIENT_ID = «str .ClientID»
SECRET = os.environ["ACME_CLIENT_SECRET"]

# RFC 6749 §2.3.1: both are form-encoded first.
pair = urllib.parse.quote(CLIENT_ID, safe="") + ":" + urllib.parse.quote(SECRET, safe="")
request = urllib.request.Request(
    «str .TokenURL»,
    data=urllib.parse.urlencode({"grant_type": "client_credentials", "scope": «str .Scope»}).encode(),
    headers={"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()},
)
with urllib.request.urlopen(request) as answer:
    token = json.load(answer)["access_token"]

request = urllib.request.Request(«str .APIURL», headers={"Authorization": "Bearer " + token})
with urllib.request.urlopen(request) as answer:
    print(answer.read().decode())
«end -»
