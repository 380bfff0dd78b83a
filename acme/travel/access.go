package travel

import (
	"net/http"
	"time"
)

// Access is one use of the API in a person's name: who read or wrote what, and
// what opened it.
type Access struct {
	ID       int64
	At       time.Time
	Until    time.Time // the last of the calls that it counts
	Times    int       // how many calls it counts
	Sub      string    // whom it concerns
	ClientID string    // the application; empty: a gap
	What     string    // "read your preferences"
	Object   string    // id of the post or the package that it was about; empty: of none
	Title    string    // of the object, as the store finds it; empty: it is gone
	Scope    string    // the permission that the request wants
	Topics   string    // of the authorization details that opened it; empty: the scope did
	Token    string    // the first characters of the token's jti
	Bound    bool      // the token is bound to a key: RFC 9449 §6
	Status   int       // of HTTP
	Reason   string    // why it was refused
}

// Gap tells whether it stands for calls that could not be written down.
func (a Access) Gap() bool { return a.ClientID == "" }

// Result is how an access ended.
type Result string

const (
	Allowed   Result = "allowed"
	Refused   Result = "refused" // the token did not open it
	Fruitless Result = "nothing" // there was nothing, or it could not be read or served
)

// Results lists them.
var Results = []Result{Allowed, Refused, Fruitless}

// Result is how it ended.
func (a Access) Result() Result {
	switch {
	case a.Status < http.StatusBadRequest:
		return Allowed
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		return Refused
	default:
		return Fruitless
	}
}

// AccessSearch is which of a person's accesses are wanted, newest first.
type AccessSearch struct {
	ClientID string // empty: of all
	Result   Result // empty: all
	Before   int64  // older than the one with this id; 0: from the newest
	Limit    int
}

// AccessDay is how often a person's data was asked for on one day.
type AccessDay struct {
	Day      time.Time // its begin, UTC
	ClientID string
	Times    int
	Refused  int
}

// AccessesKept is how long an access is kept, in months: a year, and one more so
// that whoever looks once a year finds the whole of it.
const AccessesKept = 13
