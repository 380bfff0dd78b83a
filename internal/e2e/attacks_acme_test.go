package e2e

// acmeAttacks are on the rules of Acme's API and of its sign-in.
var acmeAttacks = []Attack{}
