// Keys of clients, as libraries want them.
import { readFile } from "node:fs/promises";
import { importJWK } from "jose";

// A private key of the seeded client dreams-batch.
export async function batchKey(name) {
	const jwk = JSON.parse(await readFile(new URL(`../../../seed/keys/${name}.jwk`, import.meta.url)));
	return { key: await importJWK(jwk, jwk.alg), kid: jwk.kid };
}
