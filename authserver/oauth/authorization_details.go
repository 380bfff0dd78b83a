package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// TravelPreferences is the one type of authorization details that we have:
// what a person likes about some topics, for some days.
//
//	[{
//	  "type": "travel_preferences",
//	  "locations": ["http://localhost:9001"],
//	  "actions": ["read"],
//	  "topics": ["beaches"],
//	  "days": 30
//	}]
//
// locations and actions are RFC 9396 §2.2's and may be left out: there is one
// resource to read it from, and reading is all that there is. topics are words of
// Acme's catalogue. The days count from the moment at which the client asks.
//
// What is granted is the object with nothing left out, and with expires_at, the
// end in seconds since 1970. RFC 9396 §7.1 calls that enriching: "the
// authorization server enriches the data in an authorization details object".
const TravelPreferences = "travel_preferences"

// AuthorizationDetail is one object of authorization_details. RFC 9396 §2.
type AuthorizationDetail struct {
	Type      string   `json:"type"`
	Locations []string `json:"locations,omitempty"`
	Actions   []string `json:"actions,omitempty"`
	Topics    []string `json:"topics"`
	Days      int      `json:"days"`
	ExpiresAt int64    `json:"expires_at,omitempty"` // seconds since 1970; set by us when it is granted
}

// DetailType documents a type, as Permission does a name in a scope.
type DetailType struct {
	Name      string
	Scope     string // the permission that opens the same thing, whole
	Developer string
	Fields    []DetailField
	Example   string
	Endpoints []string
}

// DetailField documents a field of a type.
type DetailField struct{ Name, Meaning string }

// DetailTypes is the registry that metadata, checks and the page for developers
// are made from.
var DetailTypes = []DetailType{{
	Name: TravelPreferences, Scope: "preferences:read",
	Developer: "What a person likes about the topics that you name, and nothing else of their preferences, until it ends by itself. Ask for it in place of preferences:read where that is all you need.",
	Fields: []DetailField{
		{"topics", "Required: 1 to 10 words of Acme’s catalogue, each once. They are: " + strings.Join(Topics, ", ") + "."},
		{"days", "Required: for how long, 1 to 365 days from your request on."},
		{"actions", "Only [\"read\"]; may be left out."},
		{"locations", "Only Acme’s resource identifier; may be left out."},
		{"expires_at", "Set by us in what is granted: the end, in seconds since 1970. You may ask for it at the token endpoint to have a token with an earlier end."},
	},
	Example:   `[{"type":"travel_preferences","actions":["read"],"topics":["beaches"],"days":30}]`,
	Endpoints: []string{"GET /api/v1/me/preferences"},
}}

// DetailTypeNames lists the types: authorization_details_types_supported, RFC
// 9396 §10.
func DetailTypeNames() []string {
	var names []string
	for _, t := range DetailTypes {
		names = append(names, t.Name)
	}
	return names
}

// DetailTypesOf lists the types that open a part of what a permission opens whole.
func DetailTypesOf(permission string) []string {
	var names []string
	for _, t := range DetailTypes {
		if t.Scope == permission {
			names = append(names, t.Name)
		}
	}
	return names
}

// WithoutDetails is granted authorization details without those of some types;
// empty where none is left.
func WithoutDetails(granted string, types []string) string {
	details, _ := ParseGrantedDetails(granted) // we wrote it
	return FormatAuthorizationDetails(slices.DeleteFunc(details, func(d AuthorizationDetail) bool { return slices.Contains(types, d.Type) }))
}

// OnlyDetails is the granted authorization details that are of some types.
func OnlyDetails(granted string, types []string) []AuthorizationDetail {
	details, _ := ParseGrantedDetails(granted)
	return slices.DeleteFunc(details, func(d AuthorizationDetail) bool { return !slices.Contains(types, d.Type) })
}

// Topics lists what travel_preferences can be about: the words that Acme's
// packages are found by. Acme has them too; a test holds the two together.
var Topics = []string{
	"hiking", "mountains", "huts", "snow", "northern lights",
	"beaches", "islands", "lakes", "boats",
	"cities", "museums", "music", "history", "night trains",
	"food", "wine", "wellness", "gardens",
	"family", "cycling", "wildlife", "desert",
}

// How much a client may ask for at once.
const (
	maxDetails     = 5
	maxDetailsSize = 4096
	maxTopics      = 10
	maxDays        = 365
)

// ParseAuthorizationDetails reads the parameter of an authorization request; empty
// is none. What does not conform to its type, to the letter, is an error in words
// for the client. RFC 9396 §5: "The AS MUST refuse to process any unknown
// authorization details type or authorization details not conforming to the
// respective type definition."
func ParseAuthorizationDetails(sent string) ([]AuthorizationDetail, error) {
	details, err := ParseGrantedDetails(sent)
	for _, d := range details {
		if d.ExpiresAt != 0 { // the person reads "for 30 days": the end follows from that
			return nil, fmt.Errorf("expires_at of %s is for what has been granted: ask with days", d.Type)
		}
	}
	return details, err
}

// ParseGrantedDetails reads details that may have their end with them: what we
// granted, and what a token request asks for of it.
func ParseGrantedDetails(sent string) ([]AuthorizationDetail, error) {
	if sent == "" {
		return nil, nil
	}
	if len(sent) > maxDetailsSize {
		return nil, fmt.Errorf("authorization_details has %d bytes; expected %d at most", len(sent), maxDetailsSize)
	}
	var objects []json.RawMessage
	if err := json.Unmarshal([]byte(sent), &objects); err != nil || objects == nil {
		return nil, errors.New("authorization_details must be a JSON array of objects")
	}
	if len(objects) == 0 || len(objects) > maxDetails {
		return nil, fmt.Errorf("authorization_details has %d objects; expected 1 to %d", len(objects), maxDetails)
	}
	var details []AuthorizationDetail
	for _, object := range objects {
		detail, err := parseDetail(object)
		if err != nil {
			return nil, err
		}
		details = append(details, detail)
	}
	return details, nil
}

func parseDetail(object json.RawMessage) (AuthorizationDetail, error) {
	var d AuthorizationDetail
	fields, err := fieldsOf(object)
	if err != nil {
		return d, err
	}
	if err := field(fields, "type", &d.Type); err != nil {
		return d, err
	}
	if !slices.Contains(DetailTypeNames(), d.Type) {
		return d, fmt.Errorf("authorization_details of type %q are not known; known is: %s", clip(d.Type), strings.Join(DetailTypeNames(), ", "))
	}
	err = errors.Join(
		field(fields, "locations", &d.Locations), field(fields, "actions", &d.Actions),
		field(fields, "topics", &d.Topics), field(fields, "days", &d.Days), field(fields, "expires_at", &d.ExpiresAt),
	)
	for name := range fields {
		err = errors.Join(err, fmt.Errorf("%s has no field %q", d.Type, clip(name)))
	}
	if err == nil {
		err = d.conforms()
	}
	return d, firstOf(err)
}

// conforms judges the values.
func (d AuthorizationDetail) conforms() error {
	switch {
	case d.Actions != nil && !slices.Equal(d.Actions, []string{"read"}):
		return fmt.Errorf("actions of %s must be [\"read\"]", d.Type)
	case d.Locations != nil && len(d.Locations) != 1:
		return fmt.Errorf("locations of %s must name one resource", d.Type)
	case len(d.Topics) == 0 || len(d.Topics) > maxTopics:
		return fmt.Errorf("topics of %s must be 1 to %d words", d.Type, maxTopics)
	case d.Days < 1 || d.Days > maxDays:
		return fmt.Errorf("days of %s must be a whole number from 1 to %d", d.Type, maxDays)
	case d.ExpiresAt < 0:
		return fmt.Errorf("expires_at of %s must be seconds since 1970", d.Type)
	}
	for i, topic := range d.Topics {
		if !slices.Contains(Topics, topic) {
			return fmt.Errorf("topics of %s has %q, which is not a word of the catalogue", d.Type, clip(topic))
		}
		if slices.Contains(d.Topics[:i], topic) {
			return fmt.Errorf("topics of %s has %q twice", d.Type, topic)
		}
	}
	return nil
}

// fieldsOf takes an object apart by hand: encoding/json would take "Type" for
// type, and the last of two fields of one name.
func fieldsOf(object json.RawMessage) (map[string]json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("authorization_details must be a JSON array of objects")
	}
	fields := map[string]json.RawMessage{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		if _, twice := fields[name.(string)]; twice {
			return nil, fmt.Errorf("an object of authorization_details has the field %q twice", clip(name.(string)))
		}
		fields[name.(string)] = value
	}
	if _, err := decoder.Token(); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return fields, nil
}

// field reads a field, where it is there, and takes it off the list.
func field(fields map[string]json.RawMessage, name string, into any) error {
	value, ok := fields[name]
	delete(fields, name)
	if !ok {
		return nil
	}
	if string(value) == "null" || json.Unmarshal(value, into) != nil {
		return fmt.Errorf("%s of authorization_details has the wrong type", name)
	}
	return nil
}

// firstOf is the first of errors that were joined: one is enough to mend.
func firstOf(err error) error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return firstOf(all.Unwrap()[0])
	}
	return err
}

func clip(s string) string {
	if len(s) > 40 {
		s = s[:40]
	}
	return strings.ToValidUTF8(s, "?")
}

// Granted is what becomes of a detail that was asked for at a moment and agreed
// to: nothing of it is left open.
func (d AuthorizationDetail) Granted(resource string, asked time.Time) AuthorizationDetail {
	d.Locations, d.Actions = []string{resource}, []string{"read"}
	d.ExpiresAt = asked.Add(time.Duration(d.Days) * 24 * time.Hour).Unix()
	return d
}

// Live tells whether a granted detail still opens anything.
func (d AuthorizationDetail) Live(now time.Time) bool { return now.Unix() < d.ExpiresAt }

// Within tells whether a detail asks for no more than a granted one gives.
// RFC 9396 §6.1: how details are compared is a matter of their type.
func (d AuthorizationDetail) Within(granted AuthorizationDetail) bool {
	for _, topic := range d.Topics {
		if !slices.Contains(granted.Topics, topic) {
			return false
		}
	}
	for _, location := range d.Locations {
		if !slices.Contains(granted.Locations, location) {
			return false
		}
	}
	return d.Type == granted.Type && d.Days <= granted.Days && d.ExpiresAt <= granted.ExpiresAt
}

// Narrowed is the part of a granted detail that a token request asks for.
func (d AuthorizationDetail) Narrowed(granted AuthorizationDetail) AuthorizationDetail {
	end := granted.ExpiresAt - int64(granted.Days-d.Days)*24*60*60
	if d.ExpiresAt == 0 || d.ExpiresAt > end {
		d.ExpiresAt = end
	}
	d.Locations, d.Actions = granted.Locations, granted.Actions
	return d
}

// LiveDetails reads what was granted, and leaves out what has ended since.
func LiveDetails(granted string, now time.Time) []AuthorizationDetail {
	details, _ := ParseGrantedDetails(granted) // we wrote it
	return slices.DeleteFunc(details, func(d AuthorizationDetail) bool { return !d.Live(now) })
}

// Overlaps tells whether two details open something in common.
func (d AuthorizationDetail) Overlaps(other AuthorizationDetail) bool {
	return d.Type == other.Type && slices.ContainsFunc(d.Topics, func(t string) bool { return slices.Contains(other.Topics, t) })
}

// Sentence says to a person what the detail opens, under the heading "See".
func (d AuthorizationDetail) Sentence() string {
	return "What you like about " + inWords(d.Topics) + ", for " + daysInWords(d.Days)
}

// Explanation says what exactly that is.
func (d AuthorizationDetail) Explanation() string {
	return "Which of these are among your interests at Acme: " + strings.Join(d.Topics, ", ") +
		". Nothing else of your travel preferences: no other interest, no budget, no company, no months. It ends by itself on that day, also where you allow the rest for longer."
}

func inWords(all []string) string {
	if len(all) == 1 {
		return all[0]
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

func daysInWords(days int) string {
	if days == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", days)
}

// FormatAuthorizationDetails is the parameter again; empty where there are none.
func FormatAuthorizationDetails(details []AuthorizationDetail) string {
	if len(details) == 0 {
		return ""
	}
	encoded, err := json.Marshal(details)
	if err != nil { // strings and numbers
		panic(err)
	}
	return string(encoded)
}
