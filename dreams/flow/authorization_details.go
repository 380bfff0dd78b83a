package flow

import (
	"encoding/json"
	"net/url"
	"strings"
)

// AuthorizationDetail is one thing that we ask for, in more words than a scope
// has room for (RFC 9396 §2): which of a person's preferences, to do what, and
// for how long. Its members are those of its type.
type AuthorizationDetail map[string]any

// describe puts the details into a request, as one JSON array (RFC 9396 §2).
func describe(details []AuthorizationDetail, parameters url.Values) error {
	if details == nil {
		return nil
	}
	document, err := json.Marshal(details)
	if err != nil {
		return err
	}
	parameters.Set("authorization_details", string(document))
	return nil
}

// Granted reads the details of a token response: "the AS MUST also return the
// authorization_details as granted by the resource owner and assigned to the
// respective access token" (RFC 9396 §7). They may be less than was asked for.
func (t Tokens) Granted() ([]AuthorizationDetail, error) {
	if t.Details == nil {
		return nil, nil
	}
	var granted []AuthorizationDetail
	err := json.Unmarshal(t.Details, &granted)
	return granted, err
}

// Words is the detail as a person reads it: its type, and of the type that Acme has
// what it is about.
func (d AuthorizationDetail) Words() string {
	words, _ := d["type"].(string)
	var topics []string
	all, _ := d["topics"].([]any)
	for _, topic := range all {
		if topic, ok := topic.(string); ok {
			topics = append(topics, topic)
		}
	}
	if len(topics) > 0 {
		words += " (" + strings.Join(topics, ", ") + ")"
	}
	return words
}
