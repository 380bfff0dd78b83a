
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";

const file = process.env.ACME_CLIENT_KEY; // the private key, PEM
if (!file) throw new Error("put the name of the file with the private key into ACME_CLIENT_KEY");
const der = createPrivateKey(readFileSync(file)).export({ type: "pkcs8", format: "der" });
const key = {
  key: await crypto.subtle.importKey("pkcs8", der, «.WebCrypto», false, ["sign"]),
«- if .KeyID»
  kid: «str .KeyID»,
«- end»
};