// Package e2e runs the three programs together and tries everything on them
// that a person, a client or an attacker would: over HTTP, from outside.
//
// A World is authserver, acme and dreams, composed in this process exactly as
// their main functions compose them, on free ports, with a clock that tests can
// move. A Browser clicks through it by the forms on the pages.
//
// An Attack is a function that tries to break one named rule. TestAttacks shows
// that it is refused; TestProve leaves the rule out and shows that the same
// attack then gets through: so the test notices when the rule is gone.
package e2e
