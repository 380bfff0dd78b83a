package page

import "example.com/acme-dreams/views"

// Looks is the accesses in short: the last seven days, and the newest few.
type Looks struct {
	Days  []int
	Label string // the days in words
	Head  string // "12 looks in seven days,"
	Text  string // "all by Dreams. One was refused."
	Rows  []AccessRow
	All   string // "All 214 looks"
}

// Accesses is who used the API in a person's name.
type Accesses struct {
	Looks    Looks
	Apps     []Choice
	Results  []Choice
	Filtered bool
	Rows     []AccessRow
	Older    string // the next page; empty: there is none
	Newer    string // the first page; empty: this is it
	CSV      string
	Months   int // how long it is kept

	ConnectedApps string
}

// AccessRow is one access in words.
type AccessRow struct {
	When, Exact string // "Today 14:02:09", RFC 3339
	Party       views.Party
	App, AppID  string // AppID where Acme Travel knows no name
	What        string
	Title       string // of the post or the package
	Count       string // "12 times", where it is more than one
	Scope       string
	Topics      string
	Token       string // "bearer token 3f2a91c0"
	Result      string // "Allowed, 200"
	Reason      string
	Good, Bad   bool
	Gap         string // the sentence about calls that were not written down
}
