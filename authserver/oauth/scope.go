package oauth

import (
	"slices"
	"strings"
)

// Scope is a set of permissions in the order in which they were named.
type Scope []string

// ParseScope reads a scope parameter: names separated by spaces, doubles
// dropped. RFC 6749 §3.3.
func ParseScope(s string) Scope {
	var scope Scope
	for name := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ' ' }) {
		if !slices.Contains(scope, name) {
			scope = append(scope, name)
		}
	}
	return scope
}

func (s Scope) String() string { return strings.Join(s, " ") }

// Has tells whether the scope names a permission.
func (s Scope) Has(name string) bool { return slices.Contains(s, name) }

// Within tells whether every permission of s is one of t's.
func (s Scope) Within(t Scope) bool { return s.Without(t) == nil }

// Without returns the permissions of s that t lacks.
func (s Scope) Without(t Scope) Scope {
	var rest Scope
	for _, name := range s {
		if !t.Has(name) {
			rest = append(rest, name)
		}
	}
	return rest
}

// Intersect returns the permissions of s that t has too, in s's order.
func (s Scope) Intersect(t Scope) Scope { return s.Without(s.Without(t)) }

// Union returns s followed by what t adds.
func (s Scope) Union(t Scope) Scope { return append(slices.Clone(s), t.Without(s)...) }

// Verb groups permissions on the consent page.
type Verb string

const (
	See     Verb = "see"
	Change  Verb = "change"
	Act     Verb = "act"
	KeepFor Verb = "keep"
)

// Permission is what one name in a scope means.
type Permission struct {
	Name        string
	Verb        Verb
	Sentence    string // what the person reads
	Sensitivity string // low, medium or high
	NeedsUser   bool   // private data: only a person can grant it
	Locked      bool   // always granted where asked for
}

// Permissions is the registry that consent, metadata and checks are made from.
var Permissions = []Permission{
	{Name: "openid", Verb: See, Sentence: "That you are the same person as last time", Sensitivity: "low", NeedsUser: true, Locked: true},
	{Name: "profile", Verb: See, Sentence: "Your name and picture", Sensitivity: "low", NeedsUser: true, Locked: true},
	{Name: "email", Verb: See, Sentence: "Your e-mail address", Sensitivity: "medium", NeedsUser: true},
	{Name: "packages:read", Verb: See, Sentence: "Acme’s vacation packages", Sensitivity: "low"},
	{Name: "reviews:read", Verb: See, Sentence: "Published reviews", Sensitivity: "low"},
	{Name: "preferences:read", Verb: See, Sentence: "Your travel preferences", Sensitivity: "medium", NeedsUser: true},
	{Name: "blog:read", Verb: See, Sentence: "Your blog posts, unpublished ones and pictures included", Sensitivity: "high", NeedsUser: true},
	{Name: "preferences:write", Verb: Change, Sentence: "Your travel preferences", Sensitivity: "medium", NeedsUser: true},
	{Name: "blog:write", Verb: Act, Sentence: "Write blog posts in your name", Sensitivity: "high", NeedsUser: true},
	{Name: "reviews:write", Verb: Act, Sentence: "Write reviews in your name", Sensitivity: "high", NeedsUser: true},
	{Name: OfflineAccess, Verb: KeepFor, Sentence: "Look again without asking you each time", Sensitivity: "medium", NeedsUser: true},
}

// Names of permissions that mean something to the protocol itself.
const (
	OpenID        = "openid"         // asks for an ID token. OIDC Core §3.1.2.1
	OfflineAccess = "offline_access" // asks for a refresh token. OIDC Core §11
)

var permissions = func() map[string]Permission {
	byName := map[string]Permission{}
	for _, p := range Permissions {
		byName[p.Name] = p
	}
	return byName
}()

// PermissionNamed looks a permission up.
func PermissionNamed(name string) (Permission, bool) {
	p, ok := permissions[name]
	return p, ok
}

// Unknown returns the names that are no permissions of ours.
func (s Scope) Unknown() Scope {
	return s.filter(func(name string) bool { _, ok := permissions[name]; return !ok })
}

// NeedingUser returns the permissions that only a person can grant.
func (s Scope) NeedingUser() Scope {
	return s.filter(func(name string) bool { return permissions[name].NeedsUser })
}

// Locked returns the permissions that are granted wherever they are asked for.
func (s Scope) Locked() Scope {
	return s.filter(func(name string) bool { return permissions[name].Locked })
}

func (s Scope) filter(keep func(string) bool) Scope {
	var kept Scope
	for _, name := range s {
		if keep(name) {
			kept = append(kept, name)
		}
	}
	return kept
}
