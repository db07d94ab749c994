package openid

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A ClientAuth proves to the server who the client is, by changing a request before it is sent (RFC 6749 section 2.3). The package's own
// are [None], [ClientSecret], [ClientSecretBasic], [ClientSecretPost], [ClientSecretFile], [ClientSecretJWT], [PrivateKeyJWT],
// [AssertionFile] and [TLSClientAuth]; implement the interface for anything else. It is called once for each attempt, maybe from several goroutines.
type ClientAuth interface {
	Authenticate(ctx context.Context, r *AuthRequest) error
}

// An AuthRequest is a request that is about to be sent to the server.
type AuthRequest struct {
	Header   http.Header // to be added to
	Form     url.Values  // likewise; it becomes the body
	ClientID string
	Audience string    // Config.Issuer, for assertions
	Endpoint string    // the address the request goes to
	Methods  []string  // token_endpoint_auth_methods_supported; empty when the server does not say
	Now      time.Time // with Config.ClockSkew
}

// String names the endpoint and shows nothing of what is sent.
func (r AuthRequest) String() string {
	return "request of " + quoted(r.ClientID) + " to " + quoted(r.Endpoint)
}

// Format writes what String says, for every verb.
func (r AuthRequest) Format(f fmt.State, _ rune) { fmt.Fprint(f, r.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (r AuthRequest) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

type none struct{}

// None is the authentication of a public client: it sends client_id and proves nothing (RFC 6749 section 3.2.1).
func None() ClientAuth { return none{} }

func (none) Authenticate(_ context.Context, r *AuthRequest) error {
	r.Form.Set("client_id", r.ClientID)
	return nil
}

type clientSecret struct {
	value  Secret
	method string // empty: by metadata
}

// ClientSecret authenticates with client_secret_basic or, where the server's metadata lists only that, client_secret_post (RFC 6749
// section 2.3.1). Nothing is tried out: a wrong guess could burn a one-time code.
func ClientSecret(s Secret) ClientAuth { return clientSecret{s, ""} }

// ClientSecretBasic authenticates with HTTP Basic, both halves form-encoded first (RFC 6749 section 2.3.1).
func ClientSecretBasic(s Secret) ClientAuth { return clientSecret{s, "client_secret_basic"} }

// ClientSecretPost authenticates with the parameters client_id and client_secret (RFC 6749 section 2.3.1).
func ClientSecretPost(s Secret) ClientAuth { return clientSecret{s, "client_secret_post"} }

func (a clientSecret) secret() Secret { return a.value }

func (a clientSecret) mistake() (expected, got string) {
	if a.value.IsEmpty() {
		return "a client secret", "an empty one"
	}
	return "", ""
}

var errNoSecretMethod = errors.New("openid: ClientSecret: the server's metadata lists neither client_secret_basic nor client_secret_post")

func (a clientSecret) Authenticate(_ context.Context, r *AuthRequest) error {
	method := a.method
	switch {
	case method != "":
	case len(r.Methods) == 0 || slices.Contains(r.Methods, "client_secret_basic"):
		method = "client_secret_basic" // the default of OpenID Connect Discovery 1.0 section 3 and RFC 8414 section 2
	case slices.Contains(r.Methods, "client_secret_post"):
		method = "client_secret_post"
	default:
		return errNoSecretMethod
	}
	if method == "client_secret_post" {
		r.Form.Set("client_id", r.ClientID)
		r.Form.Set("client_secret", a.value.Reveal())
		return nil
	}
	credentials := make([]byte, 0, 256)
	credentials = append(credentials, url.QueryEscape(r.ClientID)...)
	credentials = append(append(credentials, ':'), url.QueryEscape(a.value.Reveal())...)
	header := append(make([]byte, 0, 512), "Basic "...)
	r.Header["Authorization"] = []string{string(base64.StdEncoding.AppendEncode(header, credentials))}
	return nil
}

// encodeForm is url.Values.Encode with one allocation instead of ten.
func encodeForm(form url.Values) string {
	names := make([]string, 0, 16)
	size := 0
	for name, values := range form {
		names = append(names, name)
		for _, v := range values {
			size += len(name) + len(v) + len(v)/2 + 2
		}
	}
	slices.Sort(names)
	var b strings.Builder
	b.Grow(size)
	for _, name := range names {
		for _, v := range form[name] {
			if b.Len() > 0 {
				b.WriteByte('&')
			}
			b.WriteString(url.QueryEscape(name))
			b.WriteByte('=')
			b.WriteString(url.QueryEscape(v))
		}
	}
	return b.String()
}
