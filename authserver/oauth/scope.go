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
	Sentence    string   // what the person reads
	Detail      string   // what exactly it opens, in the person's words
	Developer   string   // what a developer needs to know
	Endpoints   []string // the requests that want it, as "GET /api/v1/me"
	Sensitivity string   // low, medium or high
	NeedsUser   bool     // private data: only a person can grant it
	Locked      bool     // always granted where asked for
}

// Permissions is the registry that consent, metadata, checks and the page for
// developers are made from.
var Permissions = []Permission{
	{
		Name: "openid", Verb: See, Sensitivity: "low", NeedsUser: true, Locked: true,
		Sentence:  "That you are the same person as last time",
		Detail:    "An identifier that means nothing outside Acme. It stays the same, so that the app knows you again.",
		Developer: "Gives an ID token, and an access token that is good for userinfo. Key your records by iss and sub together, never by the e-mail address.",
		Endpoints: []string{"GET /userinfo"},
	},
	{
		Name: "profile", Verb: See, Sensitivity: "low", NeedsUser: true, Locked: true,
		Sentence:  "Your name and picture",
		Detail:    "The name and the picture of your account.",
		Developer: "Opens /me, and adds name, preferred_username and picture to userinfo.",
		Endpoints: []string{"GET /api/v1/me"},
	},
	{
		Name: "email", Verb: See, Sensitivity: "medium", NeedsUser: true,
		Sentence:  "Your e-mail address",
		Detail:    "The address of your account. The app can write to it.",
		Developer: "Adds email to /me and to userinfo. It can change: do not use it as an identifier.",
	},
	{
		Name: "packages:read", Verb: See, Sensitivity: "low",
		Sentence:  "Acme’s vacation packages",
		Detail:    "What Acme sells. Everybody may look at it; nothing in it is about you.",
		Developer: "Public data: a client can have it for itself by client credentials, without asking anybody.",
		Endpoints: []string{"GET /api/v1/packages", "GET /api/v1/packages/{id}"},
	},
	{
		Name: "reviews:read", Verb: See, Sensitivity: "low",
		Sentence:  "Published reviews",
		Detail:    "Reviews that travellers published. Everybody may look at them.",
		Developer: "Public data, as packages:read.",
		Endpoints: []string{"GET /api/v1/packages/{id}/reviews", "GET /api/v1/packages/{id}/reviews/{review}"},
	},
	{
		Name: "preferences:read", Verb: See, Sensitivity: "medium", NeedsUser: true,
		Sentence:  "Your travel preferences",
		Detail:    "What you like, your budget, with whom and in which months you travel: all that stands on Acme’s page “What Acme knows about you”.",
		Developer: "Interests, budget, company and months. A person may refuse it and grant the rest: look at scope in the token response.",
		Endpoints: []string{"GET /api/v1/me/preferences"},
	},
	{
		Name: "blog:read", Verb: See, Sensitivity: "high", NeedsUser: true,
		Sentence:  "Your blog posts, unpublished ones and pictures included",
		Detail:    "Every post that you wrote at Acme: title, text and pictures, also of those that you have not published.",
		Developer: "Includes what nobody has read yet. Fetch what you need and keep nothing that you can fetch again.",
		Endpoints: []string{"GET /api/v1/me/posts", "GET /api/v1/me/posts/{id}", "GET /api/v1/me/posts/{id}/pictures/{name}"},
	},
	{
		Name: "preferences:write", Verb: Change, Sensitivity: "medium", NeedsUser: true,
		Sentence:  "Your travel preferences",
		Detail:    "The app can change what you like, your budget, with whom and in which months you travel.",
		Developer: "Replaces the whole document: read it first. Does not include preferences:read.",
		Endpoints: []string{"PUT /api/v1/me/preferences"},
	},
	{
		Name: "blog:write", Verb: Act, Sensitivity: "high", NeedsUser: true,
		Sentence:  "Write blog posts in your name",
		Detail:    "The app can write posts that appear under your name.",
		Developer: "Creates posts. Does not include blog:read.",
		Endpoints: []string{"POST /api/v1/me/posts"},
	},
	{
		Name: "reviews:write", Verb: Act, Sensitivity: "high", NeedsUser: true,
		Sentence:  "Write reviews in your name",
		Detail:    "The app can publish reviews that appear under your name.",
		Developer: "One review per person and package: the second replaces the first.",
		Endpoints: []string{"POST /api/v1/packages/{id}/reviews"},
	},
	{
		Name: OfflineAccess, Verb: KeepFor, Sensitivity: "medium", NeedsUser: true,
		Sentence:  "Look again without asking you each time",
		Detail:    "The app gets a refresh token. It ends at the date that you choose below, or when you remove the app from your connected apps.",
		Developer: "Decides about a refresh token in the code, device and password grants. It rotates: store the new one before you use the new access token.",
	},
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
