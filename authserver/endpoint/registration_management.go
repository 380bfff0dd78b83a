package endpoint

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/internal/check"
)

// managed is what is known when somebody manages a registration.
type managed struct {
	Client  *oauth.Client // nil: there is none of that name
	Matches bool          // the registration access token is the client's
}

var managementChecks = []check.Check[managed]{
	check.New("registration access token is this client's", "RFC 7592 §2", registrationTokenMatches),
}

// updating is what a client sends in order to change what it registered.
type updating struct {
	oauth.ClientUpdate
	Client *oauth.Client
}

var updateChecks = []check.Check[updating]{
	check.New("update names the client that it is about", "RFC 7592 §2.2", updateNamesClient),
	check.New("update does not choose a secret", "RFC 7592 §2.2", updateKeepsSecret),
	check.New("update leaves out what the server sets", "RFC 7592 §2.2", updateLeavesServersMembers),
}

// managedClient finds the client that a request to its configuration endpoint is
// about. Who is not let in does not learn whether there is such a client.
func (e *Endpoints) managedClient(c echo.Context) (client *oauth.Client, access string, err error) {
	access = bearerToken(c.Request())
	client = e.Store.Client(c.Param("client_id"))
	matches := client.RegistrationTokenMatches(access) // takes as long where there is no such client
	if client == nil || !client.SelfRegistered() || client.Disabled {
		return nil, access, notManaged()
	}
	return client, access, check.Run(c.Request().Context(), e.Checks, managementChecks, managed{client, matches})
}

func notManaged() error {
	return oauth.Refuse(oauth.InvalidToken, "the registration access token is not one for this client")
}

// RFC 7592 §2.1: "If the client does not exist on this server, the server MUST
// respond with HTTP 401 Unauthorized". Another client's token gets the same.
func registrationTokenMatches(m managed) error {
	if !m.Matches {
		return notManaged()
	}
	return nil
}

// ReadClient tells a client what it registered. RFC 7592 §2.1. The secret is not
// there: we don't know it. The token stays the same, so that no answer that gets
// lost locks a client out; we make no new one on changes either (§5 lets us).
func (e *Endpoints) ReadClient(c echo.Context) error {
	client, access, err := e.managedClient(c)
	if err != nil {
		return err
	}
	return answerJSON(c, http.StatusOK, e.information(client, "", access))
}

// UpdateClient replaces what a client registered. RFC 7592 §2.2: "Valid values of
// client metadata fields in this request MUST replace, not augment, the values
// previously associated with this client."
func (e *Endpoints) UpdateClient(c echo.Context) error {
	client, access, err := e.managedClient(c)
	if err != nil {
		return err
	}
	metadata, update, keys, err := e.readRegistration(c)
	if err != nil {
		return err
	}
	if err := check.Run(c.Request().Context(), e.Checks, updateChecks, updating{update, client}); err != nil {
		return err
	}
	changed := *client
	secret := e.describe(&changed, metadata, keys)
	err = e.Store.UpdateClient(background(c), changed)
	if errors.Is(err, store.ErrNotFound) {
		return notManaged() // it has just been deleted
	}
	if err != nil {
		return err
	}
	e.record(c, "client changed", "", client.ID, limit(changed.Name, maxName))
	return answerJSON(c, http.StatusOK, e.information(&changed, secret, access))
}

// RFC 7592 §2.2: "The client MUST include its "client_id" field in the request,
// and it MUST be the same as its currently issued client identifier."
func updateNamesClient(u updating) error {
	if u.ClientID != u.Client.ID {
		return unfit("client_id must be %s", u.Client.ID)
	}
	return nil
}

// RFC 7592 §2.2: "The client MUST NOT be allowed to overwrite its existing client
// secret with its own chosen value."
func updateKeepsSecret(u updating) error {
	if u.ClientSecret != "" && !u.Client.SecretMatches(u.ClientSecret) {
		return unfit("client_secret is not the client's: the server makes secrets")
	}
	return nil
}

// RFC 7592 §2.2: the request "MUST NOT include the "registration_access_token",
// "registration_client_uri", "client_secret_expires_at", or
// "client_id_issued_at" fields".
func updateLeavesServersMembers(u updating) error {
	if len(u.Others) > 0 {
		return unfit("an update must not include %s", strings.Join(u.Others, ", "))
	}
	return nil
}

// DeleteClient ends a registration, and with it every grant and every token that
// the client was given. RFC 7592 §2.3.
func (e *Endpoints) DeleteClient(c echo.Context) error {
	client, _, err := e.managedClient(c)
	if err != nil {
		return err
	}
	if err := e.Store.DeleteClient(background(c), client.ID, "the application has gone", e.Now()); err != nil {
		return err
	}
	e.record(c, "client deleted", "", client.ID, limit(client.Name, maxName))
	return c.NoContent(http.StatusNoContent)
}
