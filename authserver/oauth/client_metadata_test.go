package oauth

import (
	"encoding/json"
	"errors"
	"testing"
)

// RFC 7591 §2: "If omitted" has a default for each, and one list follows from
// the other (§2.1).
func TestDefaultsOfClientMetadata(t *testing.T) {
	for body, want := range map[string][2]string{
		`{}`:                                     {`["authorization_code"]`, `["code"]`},
		`{"response_types":["id_token token"]}`:  {`["implicit"]`, `["id_token token"]`},
		`{"response_types":["code","token"]}`:    {`["authorization_code","implicit"]`, `["code","token"]`},
		`{"grant_types":["client_credentials"]}`: {`["client_credentials"]`, `null`},
		`{"grant_types":["authorization_code"],"response_types":null}`: {`["authorization_code"]`, `["code"]`},
	} {
		m, _, err := ReadClientMetadata([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		m = m.WithDefaults()
		grants, _ := json.Marshal(m.GrantTypes)
		responses, _ := json.Marshal(m.ResponseTypes)
		if string(grants) != want[0] || string(responses) != want[1] || m.TokenEndpointAuthMethod != ClientSecretBasic || m.ApplicationType != "web" {
			t.Errorf("%s: %s %s %s", body, grants, responses, m.TokenEndpointAuthMethod)
		}
	}
}

// Names are compared as they are: encoding/json alone takes any case.
func TestNamesOfMembersAreExact(t *testing.T) {
	m, _, err := ReadClientMetadata([]byte(`{"Client_Name":"x","JWKS_URI":"y","client_name#de":"z"}`))
	if err != nil || m.ClientName != "" || m.JWKSURI != "" {
		t.Errorf("%+v, %v", m, err)
	}
}

// Whatever a stranger sends is metadata or a refusal, and what was read is read
// the same again.
func FuzzReadClientMetadata(f *testing.F) {
	for _, body := range []string{`{}`, `{"redirect_uris":["https://a.example/cb"],"default_max_age":5}`, `{"jwks":{"keys":[]}}`, `{"scope":"a","scope":"b"}`, `[`, "{\"client_name\":\"\xff\"}", `{"client_id":5}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, _, err := ReadClientMetadata(body)
		var refusal *Error
		if err != nil {
			if !errors.As(err, &refusal) {
				t.Fatalf("%v is no refusal", err)
			}
			return
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		n, _, err := ReadClientMetadata(again)
		if err != nil {
			t.Fatal(err)
		}
		if twice, _ := json.Marshal(n); string(twice) != string(again) {
			t.Errorf("%s became %s", again, twice)
		}
	})
}
