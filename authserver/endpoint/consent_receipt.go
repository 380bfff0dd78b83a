package endpoint

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/authserver/token"
)

// signed is a receipt to keep: to read, and as the JWS that proves it.
type signed struct {
	Receipt any    `json:"receipt"`
	JWS     string `json:"jws"` // the same, signed: RFC 7515; the keys are at jwks_uri
}

// Receipt is what one consent says, signed.
func (e *Endpoints) Receipt(c echo.Context) error {
	_, connection, err := e.connection(c)
	if err != nil {
		return err
	}
	receipt, err := e.receipt(c, connection)
	if err != nil {
		return err
	}
	return e.download(c, "consent-"+connection.ID+".json", receipt)
}

// ConsentHistory is all receipts of a person.
func (e *Endpoints) ConsentHistory(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	connections, err := e.Store.Connections(c.Request().Context(), session.User.Sub, e.Now())
	if err != nil {
		return err
	}
	history := token.ConsentHistory{Issuer: e.issuer(), IssuedAt: e.Now().Unix(), PrincipalID: session.User.Sub, Receipts: []token.ConsentReceipt{}}
	for _, connection := range connections {
		receipt, err := e.receipt(c, connection)
		if err != nil {
			return err
		}
		history.Receipts = append(history.Receipts, receipt)
	}
	return e.download(c, "consent-history.json", history)
}

func (e *Endpoints) download(c echo.Context, name string, receipt any) error {
	jws, err := e.Keys.SignReceipt(receipt)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, fmt.Sprintf("attachment; filename=%q", name))
	return c.JSONPretty(http.StatusOK, signed{receipt, jws}, "  ")
}

func (e *Endpoints) receipt(c echo.Context, connection store.Connection) (token.ConsentReceipt, error) {
	r := token.ConsentReceipt{
		Issuer: e.issuer(), IssuedAt: e.Now().Unix(), Version: "KI-CR-v1.1.0", Jurisdiction: "EU", Language: "en",
		Timestamp: connection.GivenAt.Unix(), CollectionMethod: "consent page of " + e.issuer(), ReceiptID: connection.ID, PrincipalID: connection.Sub,
		PolicyURL: e.issuer() + "/help", Status: e.tabOf(connection), SPICategories: []string{},
	}
	if !connection.ExpiresAt.IsZero() {
		r.Until = connection.ExpiresAt.Unix()
	}
	if !connection.EndedAt.IsZero() {
		r.Ended, r.Reason = connection.EndedAt.Unix(), connection.EndReason
	}
	name, homepage, developer := connection.ClientID, "", ""
	if client := e.Store.Client(connection.ClientID); client != nil {
		name, homepage, developer = client.Name, client.Homepage, client.Developer
		if client.PolicyURI != "" {
			r.PolicyURL = client.PolicyURI
		}
	}
	r.Controllers = []token.ReceiptParty{
		{Name: "Acme Travel", Contact: "see " + e.issuer() + "/help", URL: e.Env.AcmeURL.String()},
		{Name: name, Contact: developer, URL: homepage},
	}
	ends := "when the person stops it"
	if !connection.ExpiresAt.IsZero() {
		ends = "on " + day(connection.ExpiresAt)
	}
	service := token.ReceiptService{Service: name, ClientID: connection.ClientID, Purposes: []token.ReceiptPurpose{}}
	for _, p := range can(connection) {
		service.Purposes = append(service.Purposes, purpose(p, name, ends))
		if p.Sensitivity == "high" {
			r.Sensitive, r.SPICategories = true, append(r.SPICategories, p.Scope)
		}
	}
	r.Services = []token.ReceiptService{service}
	changes, err := e.Store.ConsentChanges(c.Request().Context(), connection.ID)
	for _, change := range changes {
		r.History = append(r.History, token.ReceiptChange{At: change.At.Unix(), What: change.Kind, Scope: change.Scope.String(), Reason: change.Reason})
	}
	return r, err
}

func purpose(p page.Permission, client, ends string) token.ReceiptPurpose {
	return token.ReceiptPurpose{
		Purpose: p.Sentence, Scope: p.Scope, ConsentType: "EXPLICIT", PIICategory: []string{p.Scope},
		PrimaryPurpose: p.Locked, Termination: ends, ThirdParty: true, ThirdPartyName: client,
	}
}
