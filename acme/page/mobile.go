package page

// Mobile is Acme's app for telephones, of 2013.
type Mobile struct {
	Off       bool // LEGACY_GRANTS=off
	Username  string
	Problem   string
	Result    *MobileResult
	Accounts  string // the authorization server's host
	DreamsURL string
}

// MobileResult is what the app got for a password.
type MobileResult struct {
	Seen   string // of the password: never the password
	Scope  []string
	Expiry string
	Status int
	Me     string // the API's answer
}
