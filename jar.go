package openid

import (
	"cmp"
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/jose"
)

// A RequestObject says that authorization requests travel as a signed JWT, which nobody on the way can change (RFC 9101). One that is
// encrypted as well nobody on the way can read.
type RequestObject struct {
	// Key signs, and may live in a KMS or an HSM; KeyID is the kid the server knows the public half by.
	Key   crypto.Signer
	KeyID string
	// Signing, such as the algorithm PS256, where the defaults do not fit.
	Signing Signing
	// Encrypter encrypts for the server; nil: the object is signed only. Package jwe makes one.
	Encrypter Encrypter
	// Publish puts a request object where the server can fetch it and returns the https address, which then stands in the URL instead of
	// the object (RFC 9101 section 5.2). Nil: the object itself stands there.
	Publish func(ctx context.Context, requestObject string) (uri string, err error)
	// InsecureUnsigned makes objects with the algorithm "none", for servers that cannot verify: whoever forwards the request can change it.
	InsecureUnsigned bool
}

// An Encrypter encrypts for a server: jwks is the server's key set as it was fetched (RFC 7516, RFC 9101 section 6.1).
type Encrypter interface {
	Encrypt(ctx context.Context, payload, jwks []byte) (compact string, err error)
}

const (
	requestObjectType = "oauth-authz-req+jwt"
	// requestObjectLifetime is time enough for the browser to bring it; FAPI 1.0 Advanced section 5.2.3 wants an hour at most.
	requestObjectLifetime = 5 * time.Minute
)

// requestObjectClaims are what a request object says beside the request.
var requestObjectClaims = []string{"aud", "exp", "iat", "iss", "jti", "nbf", "sub"}

// A RequestEncoding is a form that authorization requests travel in. *[RequestObject] is the one there is; it is an interface so that
// signing is linked by those programs only that use it.
type RequestEncoding interface {
	encoder(*Config) (e requestEncoder, expected, got string)
	preferring(rsa string) RequestEncoding // the algorithm of an RSA key for which none is named
	audience() string                      // empty: the issuer
	public() []crypto.PublicKey            // of the keys that sign
}

// A requestEncoder is a [RequestEncoding] that [New] has checked.
type requestEncoder interface {
	signs() bool
	encode(ctx context.Context, c *Client, s *server, params url.Values, pushed bool) (url.Values, error)
	sign(ctx context.Context, c *Client, params url.Values) (string, error)
	algorithms() []string // of the keys that sign
}

// requestSigner is the encoder of a [RequestObject].
type requestSigner struct {
	RequestObject
	signer *jose.Signer
}

func (o *RequestObject) encoder(cfg *Config) (requestEncoder, string, string) {
	if o == nil {
		return nil, "a RequestObject, or nil as it stands", "a nil *RequestObject"
	}
	if expected, got := o.mistake(cfg); expected != "" {
		return nil, expected, got
	}
	s := &requestSigner{RequestObject: *o}
	if o.InsecureUnsigned {
		return s, "", ""
	}
	var err error
	if s.signer, err = jose.NewSigner(o.Key, jose.SignerOptions{Algorithm: o.Signing.Algorithm, KeyID: o.KeyID, Type: requestObjectType}); err != nil {
		return nil, "a key that can sign request objects", err.Error()
	}
	return s, "", ""
}

func (o *RequestObject) preferring(rsa string) RequestEncoding {
	if o == nil || o.Signing.Algorithm != "" || !isRSA(o.Key) {
		return o
	}
	preferring := *o
	preferring.Signing.Algorithm = rsa
	return &preferring
}

func (o *RequestObject) audience() string {
	if o == nil {
		return ""
	}
	return o.Signing.Audience
}

func (o *RequestObject) public() []crypto.PublicKey {
	if o == nil || o.Key == nil {
		return nil
	}
	return []crypto.PublicKey{o.Key.Public()}
}

func (o *requestSigner) signs() bool { return o.signer != nil }

func (o *requestSigner) algorithms() []string {
	if o.signer == nil {
		return nil
	}
	return []string{o.signer.Algorithm()}
}

func (o *RequestObject) mistake(cfg *Config) (expected, got string) {
	switch {
	case o.Publish != nil && cfg.PushAuthorizationRequests:
		return "either RequestObject.Publish or PushAuthorizationRequests (RFC 9126 §2.1)", "both"
	case o.InsecureUnsigned && o.Key != nil:
		return "either Key or InsecureUnsigned", "both"
	case o.InsecureUnsigned && o.KeyID != "":
		return "either KeyID or InsecureUnsigned", "both"
	case o.InsecureUnsigned && o.Signing.Algorithm != "":
		return "either Signing.Algorithm or InsecureUnsigned", "both"
	case o.InsecureUnsigned && o.Encrypter != nil:
		return "either Encrypter or InsecureUnsigned: what is encrypted is signed first (RFC 9101 §6.1)", "both"
	case o.Signing.Audience == "" && strings.Contains(cfg.Issuer, tenantPlace):
		return "a Signing.Audience, since Issuer has a place for a tenant and is nobody's name as it stands", "none"
	case o.Key == nil && !o.InsecureUnsigned:
		return "a Key that signs request objects", "nil"
	}
	if e, ok := o.Encrypter.(interface{ Err() error }); ok && e.Err() != nil {
		return "an Encrypter that can encrypt", e.Err().Error()
	}
	return "", ""
}

var errPublishPushed = errors.New("openid: RequestObject.Publish and a pushed authorization request exclude each other (RFC 9126 §2.1)")

// encode turns the parameters into a request object. Beside it stand those that OpenID Connect Core 1.0 section 6.1 wants outside,
// where RFC 9101 section 6.3 has a server ignore them; a pushed one stands alone (RFC 9126 section 3).
func (o *requestSigner) encode(ctx context.Context, c *Client, s *server, params url.Values, pushed bool) (url.Values, error) {
	if pushed && o.Publish != nil {
		return nil, errPublishPushed
	}
	object, err := o.sign(ctx, c, params)
	if err != nil {
		return nil, err
	}
	if o.Encrypter != nil {
		if s.keys == nil {
			_, err := s.url(jwksEndpoint)
			return nil, err
		}
		jwks, err := s.keys.Document(ctx)
		if err != nil {
			return nil, &ExchangeError{Endpoint: "jwks", Expected: "a key to encrypt the request object for", Got: "none", Err: err}
		}
		if object, err = o.Encrypter.Encrypt(ctx, []byte(object), jwks); err != nil {
			return nil, fmt.Errorf("openid: request object: %w", err)
		}
	}
	if pushed {
		return url.Values{"request": {object}}, nil
	}
	packed := url.Values{"client_id": params["client_id"], "response_type": params["response_type"]}
	if scope, ok := params["scope"]; ok {
		packed["scope"] = scope
	}
	if o.Publish == nil {
		packed.Set("request", object)
		return packed, nil
	}
	uri, err := o.Publish(ctx, object)
	if err != nil {
		return nil, fmt.Errorf("openid: RequestObject.Publish: %w", err)
	}
	if u, err := url.Parse(uri); err != nil || u.Host == "" || u.Scheme != "https" && !(c.cfg.InsecureAllowHTTP && u.Scheme == "http" && loopback(u.Hostname())) {
		return nil, fmt.Errorf("openid: RequestObject.Publish: expected an https address, got %s", quoted(uri))
	}
	packed.Set("request_uri", uri)
	return packed, nil
}

// sign makes the request object, not yet encrypted.
func (o *requestSigner) sign(ctx context.Context, c *Client, params url.Values) (string, error) {
	object, err := o.object(o.claims(c, params))
	if err != nil {
		return "", fmt.Errorf("openid: request object: %w", err)
	}
	if c.cfg.Profile != nil {
		if err := c.cfg.Profile.object(ctx, c, object); err != nil {
			return "", err
		}
	}
	return object, nil
}

// jsonParameters are no strings in a request object.
var jsonParameters = []string{"authorization_details", "claims", "max_age", "request_context", "requested_expiry"}

// claims writes the parameters as claims: as strings, except for those whose specification gives them another kind in a request
// object (OpenID Connect Core 1.0 section 6.1, RFC 9396 section 3, RFC 8707 section 2).
func (o *requestSigner) claims(c *Client, params url.Values) []byte {
	now := c.now().Unix()
	b := appendText([]byte(`{"iss":`), c.cfg.ClientID)
	b = appendText(append(b, `,"aud":`...), cmp.Or(o.Signing.Audience, c.cfg.Issuer))
	b = append(appendRandom(append(b, `,"jti":"`...)), '"')
	b = strconv.AppendInt(append(b, `,"iat":`...), now, 10)
	b = strconv.AppendInt(append(b, `,"nbf":`...), now, 10)
	b = strconv.AppendInt(append(b, `,"exp":`...), now+int64(requestObjectLifetime/time.Second), 10)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		values := params[name]
		if len(values) == 0 {
			continue
		}
		b = append(appendText(append(b, ','), name), ':')
		switch {
		case len(values) > 1:
			b = appendTexts(b, values)
		case slices.Contains(jsonParameters, name) && isJSON(values[0]):
			b = append(b, values[0]...)
		default:
			b = appendText(b, values[0])
		}
	}
	return append(b, '}')
}

func (o *requestSigner) object(claims []byte) (string, error) {
	if o.signer != nil {
		return o.Signing.sign(o.signer, claims)
	}
	header := []byte(`{"alg":"none","typ":"` + requestObjectType + `"}`)
	if o.Signing.Modify != nil {
		var err error
		if header, claims, err = o.Signing.edit(header, claims); err != nil {
			return "", err
		}
	}
	b := append(base64.RawURLEncoding.AppendEncode(nil, header), '.')
	return string(append(base64.RawURLEncoding.AppendEncode(b, claims), '.')), nil
}
