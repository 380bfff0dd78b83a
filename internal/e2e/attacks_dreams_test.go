package e2e

// dreamsAttacks are on the rules of Dreams's callback.
var dreamsAttacks = []Attack{}
