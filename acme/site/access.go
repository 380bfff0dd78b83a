package site

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/page"
	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/seed"
	"example.com/acme-dreams/views"
)

const (
	accessesShown = 50
	accessesOnMe  = 5
	accessesRead  = 500 // at once, for a file
	looksOf       = 7   // days
)

// accountsClient is the authorization server itself, when it asks for a sample of
// what a consent would open.
const accountsClient = "acme-accounts"

// app is what a person calls an application.
type app struct {
	name  string // empty: Acme Travel knows its client_id and nothing else
	party views.Party
}

// apps are the applications that Acme Travel knows by name: those of the seed. A
// token has no names in it, and one that registered itself may call itself
// anything: the authorization server's page of connected apps tells who it is.
func apps() map[string]app {
	all := map[string]app{accountsClient: {views.AuthorizationServer.Name(), views.AuthorizationServer}}
	for _, client := range seed.Clients() {
		known := app{name: client.Name}
		switch {
		case strings.HasPrefix(client.ID, "dreams-"):
			known.party = views.Client
		case strings.HasPrefix(client.ID, "acme-"):
			known.party = views.ResourceServer
		}
		all[client.ID] = known
	}
	return all
}

func (s *Site) appName(id string) string { return cmp.Or(s.apps[id].name, id) }

// accessSearch is what the query asks for. What it does not know it ignores.
func accessSearch(c echo.Context) travel.AccessSearch {
	wanted := travel.AccessSearch{ClientID: c.QueryParam("app"), Limit: accessesShown + 1}
	if result := travel.Result(c.QueryParam("result")); slices.Contains(travel.Results, result) {
		wanted.Result = result
	}
	if before, err := strconv.ParseInt(c.QueryParam("before"), 10, 64); err == nil && before > 0 {
		wanted.Before = before
	}
	return wanted
}

func accessPath(path string, wanted travel.AccessSearch, before int64) string {
	query := url.Values{}
	if wanted.ClientID != "" {
		query.Set("app", wanted.ClientID)
	}
	if wanted.Result != "" {
		query.Set("result", string(wanted.Result))
	}
	if before != 0 {
		query.Set("before", strconv.FormatInt(before, 10))
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

func (s *Site) accesses(c echo.Context) error {
	ctx, sub, wanted := c.Request().Context(), s.person(c).Sub, accessSearch(c)
	all, err := s.store.Accesses(ctx, sub, wanted)
	if err != nil {
		return err
	}
	clients, err := s.store.AccessClients(ctx, sub)
	if err != nil {
		return err
	}
	v := page.Accesses{
		Filtered: wanted.ClientID != "" || wanted.Result != "", CSV: accessPath("/me/access.csv", wanted, 0),
		Months: travel.AccessesKept, ConnectedApps: s.connectedApps(),
		Apps: []page.Choice{{Value: "", Label: "all"}}, Results: []page.Choice{{Value: "", Label: "all"}},
	}
	if v.Looks, err = s.looks(c, sub); err != nil {
		return err
	}
	for _, id := range clients {
		v.Apps = append(v.Apps, page.Choice{Value: id, Label: s.appName(id), Chosen: id == wanted.ClientID})
	}
	for _, result := range travel.Results {
		v.Results = append(v.Results, page.Choice{Value: string(result), Label: resultWords[result], Chosen: result == wanted.Result})
	}
	if len(all) > accessesShown {
		all = all[:accessesShown]
		v.Older = accessPath("/me/access", wanted, all[len(all)-1].ID)
	}
	if wanted.Before != 0 {
		v.Newer = accessPath("/me/access", wanted, 0)
	}
	for _, a := range all {
		v.Rows = append(v.Rows, s.accessRow(a))
	}
	f := s.frame(c, "Who looked at your data", views.Link{Label: "My data", Href: "/me"}, views.Link{Label: "Who looked", Current: true})
	return s.render(c, http.StatusOK, page.AccessesPage(f, v))
}

var resultWords = map[travel.Result]string{travel.Allowed: "allowed", travel.Refused: "refused", travel.Fruitless: "came to nothing"}

// connectedApps is where a person changes what applications may do.
func (s *Site) connectedApps() string { return s.env.AuthserverURL.String() + "/account/apps" }

// accessRow words an access.
func (s *Site) accessRow(a travel.Access) page.AccessRow {
	row := page.AccessRow{When: s.when(a.At), Exact: a.At.Format(time.RFC3339)}
	if a.Gap() {
		row.Gap = gapWords(a)
		return row
	}
	known := s.apps[a.ClientID]
	row.App, row.Party, row.What = known.name, known.party, s.deed(a)
	if known.name == "" {
		row.AppID = a.ClientID
	}
	row.Title, row.Scope, row.Topics, row.Token = a.Title, a.Scope, a.Topics, tokenWords(a)
	if a.Times > 1 {
		row.Count = times(a.Times) + " until " + a.Until.Format("15:04:05")
	}
	row.Result, row.Reason = outcome(a), a.Reason
	row.Good, row.Bad = a.Result() == travel.Allowed, a.Result() == travel.Refused
	return row
}

// deed is what an application did. The authorization server reads for the person
// herself, while she decides.
func (s *Site) deed(a travel.Access) string {
	if a.ClientID == accountsClient {
		return a.What + ", to show you a sample while you decided"
	}
	return a.What
}

func gapWords(a travel.Access) string {
	calls := "Calls"
	if a.Times > 0 {
		calls = strconv.Itoa(a.Times) + " calls"
	}
	if a.Sub == "" {
		calls += " about several people, perhaps about you,"
	}
	return fmt.Sprintf("%s could not be written down until %s: more came than the log could take.", calls, a.Until.Format("15:04:05"))
}

func tokenWords(a travel.Access) string {
	if a.Bound {
		return "token " + a.Token + ", bound to a key"
	}
	return "bearer token " + a.Token
}

func outcome(a travel.Access) string {
	words := map[travel.Result]string{travel.Allowed: "Allowed", travel.Refused: "Refused", travel.Fruitless: "Came to nothing"}[a.Result()]
	switch {
	case a.Status == http.StatusNotFound:
		words = "Nothing there"
	case a.Status >= http.StatusInternalServerError:
		words = "Not served"
	case a.Result() == travel.Fruitless:
		words = "Not accepted"
	}
	return words + ", " + strconv.Itoa(a.Status)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}

// when is a moment as one speaks of it, in UTC.
func (s *Site) when(t time.Time) string {
	clock := t.Format("15:04:05")
	switch today := s.now().UTC().Truncate(24 * time.Hour); {
	case !t.Before(today):
		return "Today " + clock
	case !t.Before(today.AddDate(0, 0, -1)):
		return "Yesterday " + clock
	default:
		return t.Format("2 Jan 2006, ") + clock
	}
}

// looks is the accesses of the last seven days, in short.
func (s *Site) looks(c echo.Context, sub string) (page.Looks, error) {
	today := s.now().UTC().Truncate(24 * time.Hour)
	first := today.AddDate(0, 0, 1-looksOf)
	days, err := s.store.AccessDays(c.Request().Context(), sub, first)
	if err != nil {
		return page.Looks{}, err
	}
	v := page.Looks{Days: make([]int, looksOf)}
	all, refused, who := 0, 0, []string{}
	for _, d := range days {
		if i := int(d.Day.Sub(first) / (24 * time.Hour)); i >= 0 && i < looksOf {
			v.Days[i] += d.Times
		}
		all, refused = all+d.Times, refused+d.Refused
		if name := s.appName(d.ClientID); !slices.Contains(who, name) {
			who = append(who, name)
		}
	}
	said := make([]string, looksOf)
	for i, n := range v.Days {
		said[i] = fmt.Sprintf("%s %d", first.AddDate(0, 0, i).Weekday(), n)
	}
	v.Label = "Looks in the last seven days: " + strings.Join(said, ", ")
	v.Head, v.Text = looksInWords(all, refused, who)
	return v, nil
}

func looksInWords(all, refused int, who []string) (head, text string) {
	switch all {
	case 0:
		return "Nobody looked in the last seven days.", ""
	case 1:
		head = "One look in seven days,"
	default:
		head = strconv.Itoa(all) + " looks in seven days,"
	}
	switch len(who) {
	case 1:
		text = "by " + who[0] + "."
		if all > 1 {
			text = "all " + text
		}
	default:
		text = "by " + strings.Join(who[:len(who)-1], ", ") + " and " + who[len(who)-1] + "."
	}
	switch refused {
	case 0:
	case 1:
		text += " One was refused."
	default:
		text += " " + strconv.Itoa(refused) + " were refused."
	}
	return head, text
}

// newestLooks is looks with the newest few, for the page that has other things
// on it too.
func (s *Site) newestLooks(c echo.Context, sub string) (page.Looks, error) {
	v, err := s.looks(c, sub)
	if err != nil {
		return v, err
	}
	newest, err := s.store.Accesses(c.Request().Context(), sub, travel.AccessSearch{Limit: accessesOnMe})
	if err != nil {
		return v, err
	}
	for _, a := range newest {
		v.Rows = append(v.Rows, s.accessRow(a))
	}
	n, err := s.store.CountAccesses(c.Request().Context(), sub)
	switch n {
	case 0:
		v.All = "Who looked"
	case 1:
		v.All = "The one look"
	default:
		v.All = "All " + strconv.Itoa(n) + " looks"
	}
	return v, err
}

var accessColumns = []string{"time (UTC)", "application", "client_id", "what", "about", "calls", "until", "permission", "authorization detail", "token (jti)", "bound to a key", "status", "result", "reason"}

// accessesCSV is the same rows as a file: RFC 4180. It is written as it is read, so
// that a year of it takes no memory.
func (s *Site) accessesCSV(c echo.Context) error {
	ctx, sub, wanted := c.Request().Context(), s.person(c).Sub, accessSearch(c)
	wanted.Limit = accessesRead
	all, err := s.store.Accesses(ctx, sub, wanted)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", `attachment; filename="who-looked.csv"`)
	c.Response().WriteHeader(http.StatusOK)
	w := csv.NewWriter(c.Response())
	_ = w.Write(accessColumns)
	for len(all) > 0 {
		for _, a := range all {
			_ = w.Write(s.accessRecord(a))
		}
		w.Flush()
		if len(all) < accessesRead || w.Error() != nil {
			break
		}
		wanted.Before = all[len(all)-1].ID
		if all, err = s.store.Accesses(ctx, sub, wanted); err != nil {
			panic(http.ErrAbortHandler) // half a file must not pass for a whole one
		}
	}
	w.Flush()
	return nil
}

func (s *Site) accessRecord(a travel.Access) []string {
	record := []string{a.At.Format(time.RFC3339), s.appName(a.ClientID), a.ClientID, s.deed(a), a.Title, strconv.Itoa(a.Times), a.Until.Format(time.RFC3339),
		a.Scope, a.Topics, a.Token, strconv.FormatBool(a.Bound), strconv.Itoa(a.Status), resultWords[a.Result()], a.Reason}
	if a.Gap() {
		record = []string{a.At.Format(time.RFC3339), "", "", gapWords(a), "", strconv.Itoa(a.Times), a.Until.Format(time.RFC3339), "", "", "", "", "", "not written down", ""}
	}
	for i, cell := range record {
		record[i] = harmless(cell)
	}
	return record
}

// harmless keeps a spreadsheet from taking a cell for a formula: a post can be
// called =HYPERLINK(…), and an application too. An apostrophe in front makes it
// text.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(cell)[0]) {
		return "'" + cell
	}
	return cell
}
