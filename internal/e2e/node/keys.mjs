// Keys of clients, as libraries want them.
import { readFile } from "node:fs/promises";
import { exportJWK, generateKeyPair, importJWK } from "jose";

// A private key of the seeded client dreams-batch.
export async function batchKey(name) {
	const jwk = JSON.parse(await readFile(new URL(`../../../seed/keys/${name}.jwk`, import.meta.url)));
	return { key: await importJWK(jwk, jwk.alg), kid: jwk.kid };
}

// A new key, and what a client registers of it.
export async function newKey(alg = "ES256") {
	const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
	const kid = `${alg}-1`;
	return { signs: { key: privateKey, kid }, jwks: { keys: [{ ...(await exportJWK(publicKey)), kid, alg, use: "sig" }] } };
}
