// Package contender puts the libraries behind one small shape, one file each, so that they can be measured side by side. What each of
// them checks stands in the README of this module.
package contender

import (
	"context"
	"errors"
	"net/http"

	"github.com/openid-client/openid/bench/fixture"
)

// A Contender is a library. A nil field is something it does not offer. Each field makes everything ready, and returns the function
// that is measured.
type Contender struct {
	Name    string
	Decodes bool // all claims into a struct as well, so that only good tokens tell it apart

	// Verifier verifies ID Tokens signed under Server.Algorithm. What it returns accepts a token only if signature, issuer, audience,
	// expiry and nonce are good, and names the subject; stop ends what the library runs in the background.
	Verifier func(Server) (verify Verify, stop func(), err error)

	// Assertion makes client assertions for private_key_jwt.
	Assertion func(alg string, key fixture.Key) (func() error, error)

	// ClientCredentials asks a token endpoint for an access token, every time, with client_secret_basic. A nil client means the
	// library's own.
	ClientCredentials func(tokenURL string, hc *http.Client) (Obtain, error)

	// Kept is a source whose token is good for a day.
	Kept func() (Obtain, error)

	// Login keeps an expired token and its refresh token in dir, where each process that calls Resume finds them.
	Login  func(dir, tokenURL, refreshToken string) error
	Resume func(dir, tokenURL string, hc *http.Client) (Obtain, error)

	// Session is an application that keeps its sessions in memory, SealedSession one that keeps them in an encrypted cookie. A library that
	// does sessions alone asks no provider.
	Session, SealedSession Web

	// WebLogin is an application for complete logins, with its sessions in memory.
	WebLogin Web
}

// A Server is where the keys are.
type Server struct {
	Algorithm string
	JWKSURL   string
	Client    *http.Client
}

// A Verify verifies one ID Token.
type Verify func(ctx context.Context, token string) (subject string, err error)

// An Obtain brings one access token.
type Obtain func(ctx context.Context) (accessToken string, err error)

// All are the contenders, ours first.
var All = []Contender{ours, oursClaims, goOIDC, goOIDCClaims, golangJWT, xOAuth2, scsPlain, scsIdle, gorillaCookie, goOIDCWeb, zitadelWeb}

// Names are theirs, for a choice among them.
func Names() (names []string) {
	for _, c := range All {
		names = append(names, c.Name)
	}
	return names
}

var (
	scopes   = []string{"accounts:read", "accounts:write"}
	errNonce = errors.New("another nonce")
)

func nothing() {}
