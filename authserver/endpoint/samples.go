package endpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/token"
)

// What a permission opens right now, on the page that asks for it:
//
//	Browser           authorization server                         Acme
//	   │ GET /consent          │                                     │
//	   │──────────────────────>│ GET /api/v1/me/preferences, /posts  │
//	   │                       │   a token of acme-accounts' own     │
//	   │                       │────────────────────────────────────>│  noted in the person's access log
//	   │ the page, with        │<── 300 ms for both, then without ───│
//	   │ samples or without    │                                     │
//	   │<──────────────────────│                                     │
//
// The client that asks for the permission learns nothing of it: it is the person
// who sees their own data.

// AccountsClient is the name under which this server itself asks Acme: nobody is
// registered by it.
const AccountsClient = "acme-accounts"

const (
	samplesWithin    = 300 * time.Millisecond // for all of them
	sampleTokenTTL   = 30 * time.Second
	maxSampleAnswer  = 256 << 10
	maxSampleWord    = 40 // characters
	maxSampleWords   = 5
	preferencesScope = "preferences:read"
	postsScope       = "blog:read"
)

// addSamples puts under each permission what it is for this person right now. Where
// Acme does not answer in time, or not in order, the page stands without.
func (e *Endpoints) addSamples(ctx context.Context, v *page.ConsentView, sub string, details []oauth.AuthorizationDetail) {
	rows := slices.Concat(v.See, v.Change, v.ActForYou)
	about := func(scopes ...string) bool {
		return slices.ContainsFunc(rows, func(r page.ConsentScope) bool { return r.Field == "" && slices.Contains(scopes, r.Scope) })
	}
	ctx, cancel := context.WithTimeout(ctx, samplesWithin)
	defer cancel()
	var preferences *preferencesSample
	var posts *postsSample
	var both sync.WaitGroup
	if about(preferencesScope, "preferences:write") || len(details) > 0 {
		both.Go(func() {
			preferences = askAcme[preferencesSample](ctx, e, sub, preferencesScope, "/api/v1/me/preferences")
		})
	}
	if about(postsScope, "blog:write") {
		both.Go(func() { posts = askAcme[postsSample](ctx, e, sub, postsScope, "/api/v1/me/posts") })
	}
	both.Wait()
	for _, group := range [][]page.ConsentScope{v.See, v.Change, v.ActForYou} {
		for i, row := range group {
			switch {
			case row.Field != "" && preferences != nil:
				group[i].Sample = preferences.among(details, row.Value)
			case row.Field == "" && preferences != nil && strings.HasPrefix(row.Scope, "preferences:"):
				group[i].Sample = preferences.words()
			case row.Field == "" && posts != nil && strings.HasPrefix(row.Scope, "blog:"):
				group[i].Sample = posts.words()
			}
		}
	}
}

// askAcme calls Acme's API in the person's name, with a token that opens this call
// and nothing else; nil: no answer that can be shown.
func askAcme[answer any](ctx context.Context, e *Endpoints, sub, scope, path string) *answer {
	now := e.Now()
	compact, err := e.Keys.SignAccessToken(token.AccessToken{
		Issuer: e.issuer(), Subject: sub, Audience: token.Audience{e.Env.AcmeURL.String()}, ClientID: AccountsClient, Scope: scope,
		JWTID: e.tokenID(), IssuedAt: now.Unix(), ExpiresAt: now.Add(sampleTokenTTL).Unix(),
	})
	if err != nil {
		e.Log.Error("a token for a sample could not be signed", "error", err)
		return nil
	}
	var a answer
	if err := e.getSample(ctx, path, compact, &a); err != nil {
		e.Log.Info("a page stands without what Acme has", "path", path, "error", err)
		return nil
	}
	return &a
}

func (e *Endpoints) getSample(ctx context.Context, path, compact string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.Env.AcmeURL.String()+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+compact)
	resp, err := e.Acme.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the API answered %s", resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxSampleAnswer))
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

type preferencesSample struct {
	Interests []string `json:"interests"`
	Budget    struct {
		Max int `json:"max"`
	} `json:"budget"`
}

// words is "hiking, mountains; up to 800 €".
func (p preferencesSample) words() string {
	var parts []string
	if interests := listed(p.Interests); interests != "" {
		parts = append(parts, interests)
	}
	if p.Budget.Max > 0 {
		parts = append(parts, fmt.Sprintf("up to %d €", p.Budget.Max))
	}
	if len(parts) == 0 {
		return "nothing: you have not said what you like"
	}
	return strings.Join(parts, "; ")
}

// among is what one of the authorization details opens: its place in the list is
// the value of its tick box.
func (p preferencesSample) among(details []oauth.AuthorizationDetail, value string) string {
	for i, d := range details {
		if fmt.Sprint(i) != value {
			continue
		}
		if likes := listed(slices.DeleteFunc(slices.Clone(p.Interests), func(s string) bool { return !slices.Contains(d.Topics, s) })); likes != "" {
			return "you like " + likes
		}
		return "nothing: you have not said that you like any of it"
	}
	return ""
}

type postsSample struct {
	Posts []struct {
		Published bool `json:"published"`
	} `json:"posts"`
}

// words is "4 posts, 2 unpublished".
func (p postsSample) words() string {
	unpublished := 0
	for _, post := range p.Posts {
		if !post.Published {
			unpublished++
		}
	}
	switch n := len(p.Posts); {
	case n == 0:
		return "nothing: you have written no posts"
	case n == 1 && unpublished == 1:
		return "1 post, unpublished"
	case n == 1:
		return "1 post"
	case unpublished == 0:
		return fmt.Sprintf("%d posts", n)
	default:
		return fmt.Sprintf("%d posts, %d unpublished", n, unpublished)
	}
}

// listed is words of somebody else's answer, cut: the first few, and none that is
// long or holds what cannot be seen.
func listed(all []string) string {
	var shown []string
	for _, word := range all[:min(len(all), maxSampleWords)] {
		if word = printed(word, maxSampleWord); word != "" {
			shown = append(shown, word)
		}
	}
	list := strings.Join(shown, ", ")
	if more := len(all) - maxSampleWords; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// printed is somebody else's words without what cannot be seen, and not longer than
// so many characters.
func printed(words string, most int) string {
	words = strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, words))
	if utf8.RuneCountInString(words) > most {
		words = string([]rune(words)[:most]) + "…"
	}
	return words
}
