package openid

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/strict"
)

// Tokens are what a grant brought. Printing, logging and JSON show no token; [Tokens.MarshalBinary] is the one way to keep them.
type Tokens struct {
	AccessToken  Secret
	RefreshToken Secret // empty when the server gave none
	Type         string // how to present the access token: "Bearer" or "DPoP"; "N_A" for what a [TokenExchange] issued that is none
	IssuedType   string // what AccessToken is, after a [TokenExchange]: one of its types, such as [AccessTokenType]
	Scope        []string
	Expiry       time.Time // of the access token; zero when the server does not say (not: never)
	IDToken      *IDToken  // non-nil after a login that asked for openid, and after a refresh of its Tokens
	// AuthorizationDetails are what was granted beside the scope (RFC 9396 section 7), which may be less or more precise than asked.
	AuthorizationDetails []AuthorizationDetail
	AppState             string // [AuthorizationRequest].AppState; a refresh carries it over
	// SessionState is what the login is known by at a server that has a [SessionFrame] tell of its end (OpenID Connect Session Management
	// 1.0 section 2); empty where it said nothing of use. A refresh carries it over.
	SessionState string

	issuer string                            // where they come from, and the only place they may go
	bound  func() string                     // the record of the DPoP key the tokens are bound to; nil: none
	extra  func() map[string]json.RawMessage // a function is what no verb of fmt looks into
}

// Extra returns a member of the token response that this package does not know, as it stood there; nil when there is none. It may be
// secret.
func (t *Tokens) Extra(name string) json.RawMessage {
	if t.extra == nil {
		return nil
	}
	return slices.Clone(t.extra()[name])
}

// DPoPThumbprint returns the thumbprint of the key that the tokens are bound to (RFC 9449 section 6.1, RFC 7638); empty for Bearer tokens.
func (t *Tokens) DPoPThumbprint() string { return recordedThumbprint(t.keyRecord()) }

func (t *Tokens) keyRecord() string {
	if t.bound == nil {
		return ""
	}
	return t.bound()
}

// scheme starts the Authorization header that presents the access token.
func (t *Tokens) scheme() string {
	if t.Type == "DPoP" {
		return "DPoP "
	}
	return "Bearer "
}

// bind notes the key by its record: a function is what no verb of fmt looks into.
func (t *Tokens) bind(record string) {
	if record != "" {
		t.bound = func() string { return record }
	}
}

// String describes the tokens without showing them.
func (t Tokens) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s token", or(t.Type, "no"))
	if len(t.Scope) > 0 {
		fmt.Fprintf(&b, " for %s", printable(strings.Join(t.Scope, " "), 200))
	}
	if !t.Expiry.IsZero() {
		fmt.Fprintf(&b, " until %s", t.Expiry.UTC().Format(time.RFC3339))
	}
	if !t.RefreshToken.IsEmpty() {
		b.WriteString(", refresh token")
	}
	if t.IDToken != nil {
		fmt.Fprintf(&b, ", %v", t.IDToken)
	}
	return b.String()
}

// Format writes what String says, for every verb.
func (t Tokens) Format(f fmt.State, _ rune) { fmt.Fprint(f, t.String()) }

// MarshalText shows what String says, so that tokens do not end up in a log or an answer: JSON encoders and log/slog use it. To keep
// them, use MarshalBinary.
func (t Tokens) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

const tokensVersion = 4

// MarshalBinary encodes the tokens with their secrets and the DPoP key that was made for them, for a store that keeps them safe: whoever can read the result can use the
// tokens, and whoever can change it can change who is logged in.
func (t *Tokens) MarshalBinary() ([]byte, error) {
	var expiry, rawID, payload, nonce, authTime string
	issuer := t.issuer
	if !t.Expiry.IsZero() {
		expiry = strconv.FormatInt(t.Expiry.UnixMilli(), 10)
	}
	if t.IDToken != nil {
		v := t.IDToken.content()
		rawID, payload, issuer = v.raw, string(v.payload), v.issuer
		nonce, authTime = v.login.nonce, strconv.FormatInt(v.login.authTime, 10)
	}
	var details string
	if t.AuthorizationDetails != nil {
		if err := detailsMistake("Tokens", t.AuthorizationDetails); err != nil {
			return nil, err
		}
		details = string(appendDetails(nil, t.AuthorizationDetails))
	}
	b := encodeRecord(tokensVersion, t.AccessToken.Reveal(), t.RefreshToken.Reveal(), t.Type, strings.Join(t.Scope, " "), expiry, t.AppState,
		rawID, payload, issuer, nonce, authTime, t.keyRecord(), details, t.IssuedType, t.SessionState)
	var names []string
	if t.extra != nil {
		names = slices.Sorted(maps.Keys(t.extra()))
	}
	b = appendString(b, strconv.Itoa(len(names)))
	for _, name := range names {
		b = appendString(appendString(b, name), string(t.extra()[name]))
	}
	return b, nil
}

// UnmarshalBinary decodes what MarshalBinary made. The ID Token in it counts as verified, as it was then: keep the bytes where only this
// application writes.
func (t *Tokens) UnmarshalBinary(b []byte) error {
	var access, refresh, kind, scope, expiry, appState, rawID, payload, issuer, nonce, authTime, key, details, issued, sessionState, count string
	head := []*string{&access, &refresh, &kind, &scope, &expiry, &appState, &rawID, &payload, &issuer, &nonce, &authTime, &key, &details, &issued, &sessionState, &count}
	if err := decodeRecord(b, tokensVersion, head...); err != nil {
		return err
	}
	u := Tokens{AccessToken: NewSecret(access), RefreshToken: NewSecret(refresh), Type: kind, IssuedType: issued, Scope: strings.Fields(scope), AppState: appState, SessionState: sessionState, issuer: issuer}
	u.bind(key)
	if details != "" {
		var err error
		if u.AuthorizationDetails, err = readDetails(strict.Value(details)); err != nil {
			return errRecord
		}
	}
	if expiry != "" {
		ms, err := strconv.ParseInt(expiry, 10, 64)
		if err != nil {
			return errRecord
		}
		u.Expiry = time.UnixMilli(ms)
	}
	if rawID != "" {
		var claims registeredClaims
		err := strict.Object([]byte(payload), func(name []byte, v strict.Value) error {
			switch string(name) {
			case "sub":
				claims.sub = v
			case "exp":
				claims.exp = v
			case "iat":
				claims.iat = v
			}
			return nil
		})
		if err != nil {
			return errRecord
		}
		subject, ok := claims.sub.Text()
		if !ok {
			return errRecord
		}
		u.IDToken = newIDToken(rawID, []byte(payload), issuer, subject, &claims)
		login := &u.IDToken.content().login
		login.nonce = nonce
		if login.authTime, err = strconv.ParseInt(authTime, 10, 64); err != nil {
			return errRecord
		}
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > strict.MaxMembers {
		return errRecord
	}
	if n > 0 {
		pairs := make([]string, 2*n)
		all := head
		for i := range pairs {
			all = append(all, &pairs[i])
		}
		if err := decodeRecord(b, tokensVersion, all...); err != nil {
			return err
		}
		extra := make(map[string]json.RawMessage, n)
		for i := range n {
			extra[pairs[2*i]] = json.RawMessage(pairs[2*i+1])
		}
		u.extra = func() map[string]json.RawMessage { return extra }
	}
	*t = u
	return nil
}
