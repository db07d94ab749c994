package openid

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/openid-client/openid/internal/jose"
	"github.com/openid-client/openid/internal/strict"
)

const (
	// keyOverlap is how long a key stays published after its successor took over, at least: what it signed last must outlive neither a request object
	// (5 minutes) nor two clocks that differ.
	keyOverlap = 15 * time.Minute
	// keySetAge is how long servers may keep the key set.
	keySetAge = time.Hour
)

// A SigningKey is one of the keys that a client signs with, in their turn.
type SigningKey struct {
	Key   crypto.Signer // may live in a KMS or an HSM
	KeyID string        // kid; empty: the key's thumbprint (RFC 7638)
	// Algorithm, such as "PS256". Empty: by the key, see [Signing].
	Algorithm string
	// From is when the key begins to sign: it is published before. The zero value: from the start.
	From time.Time
	// Until is how long the key is published, at least 15 minutes longer than it signs. The zero value: as long as it stands in the list.
	Until time.Time
}

// SigningKeys are the signing keys of a client that replaces them without anybody noticing (OpenID Connect Core 1.0 section 10.1.1): all are
// published, and the one with the latest From that has come signs. It is the [http.Handler] to serve at the client's jwks_uri.
//
// To replace a key: add the new one with a From a day ahead, and deploy that everywhere; servers that keep the key set (for an hour, as they are told)
// know the new key before it signs. Any time after that, take the old one out.
type SigningKeys struct {
	keys []signingKey // by From
	also []string     // further public keys, as JSON
}

type signingKey struct {
	SigningKey
	jwk string
}

// NewSigningKeys checks the keys, and does no I/O. also are JWK Sets of further public keys of this client that are to be published with them, such as those
// that servers encrypt for. Errors, joined: keys that cannot sign; key ids and times that do not tell them apart; nobody who signs now.
func NewSigningKeys(keys []SigningKey, also ...json.RawMessage) (*SigningKeys, error) {
	k := new(SigningKeys)
	var found []error
	mistake := func(format string, args ...any) {
		found = append(found, fmt.Errorf("openid: NewSigningKeys: "+format, args...))
	}
	for i, key := range keys {
		signer, err := jose.NewSigner(key.Key, jose.SignerOptions{Algorithm: key.Algorithm, KeyID: key.KeyID})
		if err != nil {
			mistake("keys[%d]: %w", i, err)
			continue
		}
		key.KeyID, key.Algorithm = cmp.Or(key.KeyID, signer.Thumbprint()), signer.Algorithm()
		k.keys = append(k.keys, signingKey{key, publishedJWK(signer, key.KeyID)})
	}
	slices.SortStableFunc(k.keys, func(a, b signingKey) int { return a.From.Compare(b.From) })
	ids := map[string]bool{}
	for i, key := range k.keys {
		if ids[key.KeyID] {
			mistake("expected another key id for each key, got %s twice", quoted(key.KeyID))
		}
		ids[key.KeyID] = true
		if i+1 == len(k.keys) {
			continue
		}
		switch next := k.keys[i+1]; {
		case key.From.Equal(next.From):
			mistake("expected one key after the other, got two from %s on", key.From.UTC().Format(time.RFC3339))
		case !key.Until.IsZero() && key.Until.Before(next.From.Add(keyOverlap)):
			mistake("expected %s to be published until %s after the next key signs, got until %s", quoted(key.KeyID), keyOverlap, key.Until.UTC().Format(time.RFC3339))
		}
	}
	if len(found) == 0 {
		if _, err := k.current(time.Now()); err != nil {
			found = append(found, err)
		}
	}
	for i, set := range also {
		if got := notPublicKeys(set); got != "" {
			mistake("also[%d]: expected a JWK Set of public keys, got %s", i, got)
			continue
		}
		_ = strict.Object(set, func(name []byte, v strict.Value) error { // it was read before
			if string(name) != "keys" {
				return nil
			}
			return v.Elements(func(jwk strict.Value) error { k.also = append(k.also, string(jwk)); return nil })
		})
	}
	if len(found) > 0 {
		return nil, errors.Join(found...)
	}
	return k, nil
}

// publishedJWK is the public key for a key set.
func publishedJWK(s *jose.Signer, keyID string) string {
	jwk := s.PublicJWK()
	b := appendText([]byte(`{"use":"sig","kid":`), keyID)
	if !bytes.Contains(jwk, []byte(`"alg":`)) { // ML-DSA has it
		b = appendText(append(b, `,"alg":`...), s.Algorithm())
	}
	return string(append(append(b, ','), jwk[1:]...))
}

var errNoSigner = errors.New("openid: SigningKeys: expected a key that signs at this time, got none")

// current is the place of the key that signs.
func (k SigningKeys) current(now time.Time) (int, error) {
	for i, key := range slices.Backward(k.keys) {
		if !now.Before(key.From) {
			if !key.Until.IsZero() && !now.Before(key.Until) {
				break
			}
			return i, nil
		}
	}
	return 0, errNoSigner
}

// String says whose turn it is.
func (k SigningKeys) String() string {
	i, err := k.current(time.Now())
	if err != nil {
		return fmt.Sprintf("%d signing keys, none of which signs now", len(k.keys))
	}
	return fmt.Sprintf("%d signing keys, of which %s signs now", len(k.keys), quoted(k.keys[i].KeyID))
}

// Format writes what String says, for every verb.
func (k SigningKeys) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (k SigningKeys) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// String names the key and shows nothing of it.
func (k SigningKey) String() string { return "signing key " + quoted(k.KeyID) }

// Format writes what String says, for every verb.
func (k SigningKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (k SigningKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// JWKS is the JWK Set of the public keys, as it is served at this time: for [ClientMetadata].JWKS, and for servers that are told by hand.
func (k *SigningKeys) JWKS() json.RawMessage {
	b := []byte(`{"keys":[`)
	next := func(jwk string) {
		if b[len(b)-1] != '[' {
			b = append(b, ',')
		}
		b = append(b, jwk...)
	}
	for now, i := time.Now(), 0; i < len(k.keys); i++ {
		if until := k.keys[i].Until; until.IsZero() || now.Before(until) {
			next(k.keys[i].jwk)
		}
	}
	for _, jwk := range k.also {
		next(jwk)
	}
	return append(b, "]}"...)
}

// ServeHTTP answers GET and HEAD with the key set, which may be kept for an hour.
func (k *SigningKeys) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	set := k.JWKS()
	sum := sha256.Sum256(set)
	// Not application/jwk-set+json: of the two it is the one that every server knows.
	publish(w, r, "application/json", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`, keySetAge, set)
}

// PrivateKeyJWT is [PrivateKeyJWT] with the key whose turn it is. The algorithm is the key's; how says the rest.
func (k *SigningKeys) PrivateKeyJWT(how ...Signing) ClientAuth {
	one, err := signing(how)
	if err == nil && one.Algorithm != "" {
		err = errors.New("the algorithm stands in SigningKey, not in Signing")
	}
	if err != nil {
		return assertion{err: err}
	}
	roll := &assertionRoll{turn: k.current, object: func() RequestEncoding { return k.RequestObject(RequestObject{}) }}
	for _, key := range k.keys {
		one.Algorithm = key.Algorithm
		roll.each = append(roll.each, PrivateKeyJWT(key.Key, key.KeyID, one).(assertion))
	}
	a := roll.each[0] // whoever looks at one looks at all
	a.roll = roll
	return a
}

// RequestObject is o, signed with the key whose turn it is: o has no Key, KeyID and Signing.Algorithm of its own.
func (k *SigningKeys) RequestObject(o RequestObject) RequestEncoding {
	return &rollingRequestObject{k, o}
}

type rollingRequestObject struct {
	keys *SigningKeys
	o    RequestObject
}

func (o *rollingRequestObject) encoder(cfg *Config) (requestEncoder, string, string) {
	if o.o.Key != nil || o.o.KeyID != "" || o.o.Signing.Algorithm != "" || o.o.InsecureUnsigned {
		return nil, "Key, KeyID and algorithm of SigningKeys alone", "one of the RequestObject's own, or InsecureUnsigned"
	}
	e := &rollingRequestSigner{keys: o.keys}
	for _, key := range o.keys.keys {
		one := o.o
		one.Key, one.KeyID, one.Signing.Algorithm = key.Key, key.KeyID, key.Algorithm
		encoder, expected, got := one.encoder(cfg)
		if expected != "" {
			return nil, expected, got
		}
		e.each = append(e.each, encoder)
	}
	return e, "", ""
}

// Each key has its algorithm, which is published with it.
func (o *rollingRequestObject) preferring(string) RequestEncoding { return o }

func (o *rollingRequestObject) audience() string { return o.o.Signing.Audience }

func (o *rollingRequestObject) public() (keys []crypto.PublicKey) {
	for _, key := range o.keys.keys {
		keys = append(keys, key.Key.Public())
	}
	return keys
}

type rollingRequestSigner struct {
	keys *SigningKeys
	each []requestEncoder
}

func (*rollingRequestSigner) signs() bool { return true }

func (e *rollingRequestSigner) algorithms() (algs []string) {
	for _, one := range e.each {
		algs = append(algs, one.algorithms()...)
	}
	return algs
}

func (e *rollingRequestSigner) encode(ctx context.Context, c *Client, s *server, params url.Values, pushed bool) (url.Values, error) {
	i, err := e.keys.current(c.now())
	if err != nil {
		return nil, err
	}
	return e.each[i].encode(ctx, c, s, params, pushed)
}

func (e *rollingRequestSigner) sign(ctx context.Context, c *Client, params url.Values) (string, error) {
	i, err := e.keys.current(c.now())
	if err != nil {
		return "", err
	}
	return e.each[i].sign(ctx, c, params)
}
