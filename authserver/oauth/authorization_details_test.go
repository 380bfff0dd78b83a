package oauth

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const goodDetail = `{"type":"travel_preferences","topics":["beaches","night trains"],"days":30}`

func TestAuthorizationDetailsAreRead(t *testing.T) {
	for _, sent := range []string{
		"[" + goodDetail + "]",
		" [ " + goodDetail + " , " + goodDetail + " ] ",
		`[{"days":1,"topics":["food"],"type":"travel_preferences","actions":["read"],"locations":["http://acme.test"]}]`,
		DetailTypes[0].Example,
	} {
		details, err := ParseAuthorizationDetails(sent)
		if err != nil || len(details) == 0 {
			t.Errorf("%s: %v", sent, err)
		}
		details[0].ExpiresAt = 1
		again, err := ParseGrantedDetails(FormatAuthorizationDetails(details))
		if err != nil || len(again) != len(details) {
			t.Errorf("%s, written and read again: %v", sent, err)
		}
	}
	if details, err := ParseAuthorizationDetails(""); details != nil || err != nil {
		t.Errorf("none: %v %v", details, err)
	}
}

// RFC 9396 §5 lists what must be refused.
func TestAuthorizationDetailsThatDoNotConform(t *testing.T) {
	with := func(from, to string) string { return "[" + strings.Replace(goodDetail, from, to, 1) + "]" }
	for name, sent := range map[string]string{
		"no JSON":                         "beaches",
		"an object":                       goodDetail,
		"null":                            "null",
		"an empty array":                  "[]",
		"an array of strings":             `["travel_preferences"]`,
		"an array in an array":            "[[" + goodDetail + "]]",
		"two values":                      "[" + goodDetail + "] []",
		"cut off":                         "[" + goodDetail,
		"an unknown type":                 with("travel_preferences", "payment_initiation"),
		"a type in capitals":              with("travel_preferences", "Travel_Preferences"),
		"no type":                         `[{"topics":["beaches"],"days":30}]`,
		"a type that is a number":         with(`"travel_preferences"`, "7"),
		"a type that is null":             with(`"travel_preferences"`, "null"),
		"an unknown field":                with(`"days"`, `"budget":true,"days"`),
		"a field in capitals":             with(`"days"`, `"Days"`),
		"a field twice":                   with(`"days"`, `"topics":["food"],"days"`),
		"no topics":                       `[{"type":"travel_preferences","days":30}]`,
		"topics that are null":            `[{"type":"travel_preferences","topics":null,"days":30}]`,
		"topics that are empty":           `[{"type":"travel_preferences","topics":[],"days":30}]`,
		"topics that are a string":        `[{"type":"travel_preferences","topics":"beaches","days":30}]`,
		"a topic that is no word of ours": with("beaches", "bank accounts"),
		"a topic that is null":            with(`"beaches"`, "null"),
		"a topic twice":                   with("night trains", "beaches"),
		"no days":                         `[{"type":"travel_preferences","topics":["beaches"]}]`,
		"days that are none":              with("30", "0"),
		"days that are fewer":             with("30", "-1"),
		"days that are too many":          with("30", "366"),
		"days that are a string":          with("30", `"30"`),
		"days with a fraction":            with("30", "30.5"),
		"days beyond any number":          with("30", "1e999"),
		"another action":                  with(`"days"`, `"actions":["write"],"days"`),
		"one action more":                 with(`"days"`, `"actions":["read","write"],"days"`),
		"no action":                       with(`"days"`, `"actions":[],"days"`),
		"two locations":                   with(`"days"`, `"locations":["a","b"],"days"`),
		"an end of the client's own":      with(`"days"`, `"expires_at":1,"days"`),
		"an end before the beginning":     with(`"days"`, `"expires_at":-1,"days"`),
		"too many objects":                "[" + strings.Repeat(goodDetail+",", maxDetails) + goodDetail + "]",
		"too many topics":                 with(`"beaches"`, `"hiking","mountains","huts","snow","beaches","islands","lakes","boats","cities","museums"`),
		"larger than any need":            "[" + goodDetail + strings.Repeat(" ", maxDetailsSize) + "]",
		"nested ten thousand times":       strings.Repeat("[", maxDetailsSize),
	} {
		if details, err := ParseAuthorizationDetails(sent); err == nil || details != nil {
			t.Errorf("%s: %v, %v", name, details, err)
		}
	}
}

func FuzzParseAuthorizationDetails(f *testing.F) {
	f.Add("[" + goodDetail + "]")
	f.Add(`[{"type":"travel_preferences","topics":[],"days":1e9,"x":null}]`)
	f.Fuzz(func(t *testing.T, sent string) {
		details, err := ParseAuthorizationDetails(sent)
		if err != nil {
			return
		}
		again, err := ParseAuthorizationDetails(FormatAuthorizationDetails(details))
		if err != nil || FormatAuthorizationDetails(again) != FormatAuthorizationDetails(details) {
			t.Errorf("%s became %v, %v", sent, again, err)
		}
	})
}

// RFC 9396 §6.1: a token request may ask for less than was granted.
func TestDetailWithinGrantedOne(t *testing.T) {
	asked := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	detail := func(days int, topics ...string) AuthorizationDetail {
		return AuthorizationDetail{Type: TravelPreferences, Topics: topics, Days: days}
	}
	granted := detail(30, "beaches", "food").Granted("http://acme.test", asked)
	if end := time.Unix(granted.ExpiresAt, 0).UTC(); !end.Equal(time.Date(2026, 12, 21, 12, 0, 0, 0, time.UTC)) || !slices.Equal(granted.Actions, []string{"read"}) {
		t.Errorf("granted: %+v, until %s", granted, end)
	}
	elsewhere := detail(30, "food")
	elsewhere.Locations = []string{"http://other.test"}
	longer := granted
	longer.ExpiresAt++
	for name, c := range map[string]struct {
		asked AuthorizationDetail
		want  bool
	}{
		"the same":         {granted, true},
		"a topic":          {detail(30, "food"), true},
		"fewer days":       {detail(1, "food"), true},
		"more days":        {detail(31, "food"), false},
		"a later end":      {longer, false},
		"another topic":    {detail(30, "food", "wine"), false},
		"another resource": {elsewhere, false},
		"of another type":  {AuthorizationDetail{Type: "other", Topics: []string{"food"}, Days: 1}, false},
	} {
		if got := c.asked.Within(granted); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := detail(10, "food").Narrowed(granted); got.ExpiresAt != asked.Add(10*24*time.Hour).Unix() || got.Locations[0] != "http://acme.test" {
		t.Errorf("narrowed to ten days: %+v", got)
	}
	if !granted.Live(asked.Add(30*24*time.Hour-time.Second)) || granted.Live(asked.Add(30*24*time.Hour)) {
		t.Error("it ends on the second")
	}
	if !granted.Overlaps(detail(1, "wine", "food")) || granted.Overlaps(detail(1, "wine")) {
		t.Error("Overlaps")
	}
}

func TestDetailInWords(t *testing.T) {
	for want, d := range map[string]AuthorizationDetail{
		"What you like about beaches, for 30 days":                 {Topics: []string{"beaches"}, Days: 30},
		"What you like about beaches and food, for 1 day":          {Topics: []string{"beaches", "food"}, Days: 1},
		"What you like about beaches, food and wine, for 365 days": {Topics: []string{"beaches", "food", "wine"}, Days: 365},
	} {
		if got := d.Sentence(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestResourceIndicators(t *testing.T) {
	for resource, want := range map[string]bool{
		"http://acme.test": true, "https://acme.test/x?y=z": true, "urn:acme:api": true,
		"": false, "/api": false, "//acme.test": false, "acme.test": false, "http://acme.test#f": false, "http://acme.test#": false, "http://[::1": false, "%zz": false,
	} {
		if got := ResourceWellFormed(resource); got != want {
			t.Errorf("%q: %v", resource, got)
		}
	}
	r := Resources{API: "http://acme.test", Issuer: "http://accounts.test"}
	if got := r.Canonical([]string{"http://acme.test/", "http://acme.test", "http://other.test/"}); !slices.Equal(got, []string{"http://acme.test", "http://other.test/"}) {
		t.Errorf("Canonical: %v", got)
	}
	scope := Scope{OpenID, "profile", "preferences:read", OfflineAccess}
	for name, c := range map[string]struct {
		resources []string
		want      string
	}{
		"none":   {nil, "openid profile preferences:read offline_access"},
		"Acme":   {[]string{r.API}, "profile preferences:read"},
		"issuer": {[]string{r.Issuer}, "openid profile"},
		"both":   {[]string{r.API, r.Issuer}, "openid profile preferences:read"},
	} {
		if got := r.Needs(scope, c.resources).String(); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
