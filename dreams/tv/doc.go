// Package tv is Dreams on the television: the device authorization grant (RFC
// 8628) as it looks from the sofa.
//
//	tv.go       the pages
//	set.go      what a television knows and how it goes on: no I/O
//	poll.go     asking the token endpoint, between requests
//	evening.go  what is on once somebody has said yes
//	qr.go       the picture of the address
//
// A television here is a browser with a cookie, and its state lies in memory:
// tokens and all, gone when the program stops.
package tv
