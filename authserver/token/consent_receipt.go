package token

// ConsentReceipt is what somebody agreed to, for them to keep: the fields of the
// Kantara Consent Receipt Specification 1.1, as far as we have them. It opens
// nothing. Whoever has our JWKS can tell that we wrote it.
type ConsentReceipt struct {
	Issuer           string           `json:"iss"`
	IssuedAt         int64            `json:"iat"` // seconds since 1970
	Version          string           `json:"version"`
	Jurisdiction     string           `json:"jurisdiction"`
	Timestamp        int64            `json:"consentTimestamp"` // seconds since 1970: when it was given
	CollectionMethod string           `json:"collectionMethod"`
	ReceiptID        string           `json:"consentReceiptID"`
	Language         string           `json:"language"`
	PrincipalID      string           `json:"piiPrincipalId"` // sub
	Controllers      []ReceiptParty   `json:"piiControllers"`
	PolicyURL        string           `json:"policyUrl"`
	Services         []ReceiptService `json:"services"`
	Sensitive        bool             `json:"sensitive"`
	SPICategories    []string         `json:"spiCat"`

	// Ours: what became of it.
	Status  string          `json:"status"`            // active, expired, removed
	Until   int64           `json:"until,omitempty"`   // seconds since 1970; absent: until it is stopped
	Ended   int64           `json:"endedAt,omitempty"` // and why
	Reason  string          `json:"endReason,omitempty"`
	History []ReceiptChange `json:"history"`
}

// ReceiptParty is who got the data, or gave it out.
type ReceiptParty struct {
	Name    string `json:"piiController"`
	Contact string `json:"contact"`
	URL     string `json:"url,omitempty"`
}

// ReceiptService is an application.
type ReceiptService struct {
	Service  string           `json:"service"`
	ClientID string           `json:"client_id"`
	Purposes []ReceiptPurpose `json:"purposes"`
}

// ReceiptPurpose is a permission.
type ReceiptPurpose struct {
	Purpose        string   `json:"purpose"`
	Scope          string   `json:"scope"` // or the type of authorization details
	ConsentType    string   `json:"consentType"`
	PIICategory    []string `json:"piiCategory"`
	PrimaryPurpose bool     `json:"primaryPurpose"`
	Termination    string   `json:"termination"`
	ThirdParty     bool     `json:"thirdPartyDisclosure"`
	ThirdPartyName string   `json:"thirdPartyName,omitempty"`
}

// ReceiptChange is a line of its history.
type ReceiptChange struct {
	At     int64  `json:"at"` // seconds since 1970
	What   string `json:"what"`
	Scope  string `json:"scope"` // from then on
	Reason string `json:"reason,omitempty"`
}

// ConsentHistory is all receipts of a person.
type ConsentHistory struct {
	Issuer      string           `json:"iss"`
	IssuedAt    int64            `json:"iat"`
	PrincipalID string           `json:"piiPrincipalId"`
	Receipts    []ConsentReceipt `json:"receipts"`
}

// SignReceipt signs a ConsentReceipt or a ConsentHistory.
func (k *Keys) SignReceipt(receipt any) (string, error) { return k.Sign(ReceiptType, ES256, receipt) }
