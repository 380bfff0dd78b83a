# A device without a browser (RFC 8628): a person allows something elsewhere; then a
# first call in that person's name.«if .Strict» It wants: pip install cryptography«end»
«if .Strict -»
«pyimports . "json" "os" "time" "urllib.error" "urllib.parse" "urllib.request"»

CLIENT_ID = «str .ClientID»
«- if .Confidential»
SECRET = os.environ["ACME_CLIENT_SECRET"]
«- end»
«- template "strict.py" .»


def post(url, **form):
    return json.loads(ask(url, form))
«- else -»
import json
«- if .Confidential»
import os
«- end»
import time
import urllib.error
import urllib.parse
import urllib.request

CLIENT_ID = «str .ClientID»


def post(url, **form):
    try:
        with urllib.request.urlopen(url, data=urllib.parse.urlencode({"client_id": CLIENT_ID, «if .Confidential»"client_secret": os.environ["ACME_CLIENT_SECRET"], «end»**form}).encode()) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        return json.load(refusal)
«- end»


device = post(«str .DeviceURL», scope=«str .Scope»)
if "error" in device:
    raise SystemExit(device["error"] + ": " + device["error_description"])
print("Open", device["verification_uri"], "and type", device["user_code"], flush=True)

interval, token = device["interval"], {"error": "authorization_pending"}
while token.get("error") in ("authorization_pending", "slow_down"):
    time.sleep(interval)
    token = post(«str .TokenURL», grant_type="urn:ietf:params:oauth:grant-type:device_code", device_code=device["device_code"])
    if token.get("error") == "slow_down":
        interval += 5
if "error" in token:
    raise SystemExit(token["error"] + ": " + token["error_description"])

«if .Strict -»
print(ask(«str .APIURL», token=token["access_token"]))
«else -»
request = urllib.request.Request(«str .APIURL», headers={"Authorization": "Bearer " + token["access_token"]})
with urllib.request.urlopen(request) as answer:
    print(answer.read().decode())
«end -»
