// Package dpop makes DPoP proofs and remembers the nonces that servers ask for (RFC 9449).
package dpop

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/jose"
	"github.com/openid-client/openid/internal/strict"
)

// A Prover makes proofs with one key. It is safe for concurrent use if its key is.
type Prover struct{ signer *jose.Signer }

// NewProver makes a prover of an asymmetric key, which may be a KMS or an HSM. An empty algorithm follows from the key.
func NewProver(key crypto.Signer, algorithm string) (*Prover, error) {
	signer, err := jose.NewSigner(key, jose.SignerOptions{Algorithm: algorithm, Type: "dpop+jwt", EmbedKey: true})
	if err != nil {
		return nil, err
	}
	return &Prover{signer}, nil
}

// Thumbprint is the key's SHA-256 thumbprint, which a token is bound to (RFC 9449 section 6.1).
func (p *Prover) Thumbprint() string { return p.signer.Thumbprint() }

// Algorithm is the alg of the proofs.
func (p *Prover) Algorithm() string { return p.signer.Algorithm() }

// Claims say what a proof is for (RFC 9449 section 4.2).
type Claims struct {
	Method      string
	URL         *url.URL
	AccessToken string // empty: none goes along
	Nonce       string // empty: the server gave none
	Now         time.Time
	// Edit changes header and claims before they are signed; nil for none.
	Edit func(header, claims []byte) (h, c []byte, err error)
}

var errText = errors.New("the method or the address is not valid UTF-8")

// Proof makes a proof with a jti of its own.
func (p *Prover) Proof(c Claims) (string, error) {
	b := make([]byte, 0, 512)
	b = appendRandom(append(b, `{"jti":"`...))
	b = append(b, `","htm":`...)
	b, err := strict.AppendText(b, c.Method)
	if err != nil {
		return "", errText
	}
	b = append(b, `,"htu":`...)
	if plain(c.URL) { // spares two strings
		b = append(append(append(append(append(b, '"'), c.URL.Scheme...), "://"...), c.URL.Host...), c.URL.Path...)
		b = append(b, '"')
	} else if b, err = strict.AppendText(b, target(c.URL)); err != nil {
		return "", errText
	}
	b = strconv.AppendInt(append(b, `,"iat":`...), c.Now.Unix(), 10)
	if c.AccessToken != "" {
		n := len(b)
		b = append(b, c.AccessToken...) // as bytes, without a copy elsewhere
		sum := sha256.Sum256(b[n:])
		b = b[:n]
		b = append(base64.RawURLEncoding.AppendEncode(append(b, `,"ath":"`...), sum[:]), '"')
	}
	if c.Nonce != "" {
		b = append(append(append(b, `,"nonce":"`...), c.Nonce...), '"') // of characters that need no escape, see usable
	}
	b = append(b, '}')
	if c.Edit == nil {
		return p.signer.Sign(b)
	}
	header, b, err := c.Edit(p.signer.Header(), slices.Clone(b)) // a copy: what may be kept cannot lie on the stack
	if err != nil {
		return "", err
	}
	return p.signer.SignAs(header, b)
}

// plain: target would change nothing, and JSON has nothing to escape.
func plain(u *url.URL) bool {
	if u.Path == "" || u.RawPath != "" || u.Port() != "" && u.Port() == defaultPorts[u.Scheme] {
		return false
	}
	for _, s := range [...]string{u.Scheme, u.Host, u.Path} {
		for i := range len(s) {
			if c := s[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '/' || c == ':') {
				return false
			}
		}
	}
	return u.Host != "" && u.Host[len(u.Host)-1] != ':'
}

// target is the address without query and fragment, normalised as RFC 9449 section 4.3 lets a server compare it.
func target(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return origin(u) + path
}

// appendRandom takes the end of b's space for the random bytes, which would be an allocation elsewhere.
func appendRandom(b []byte) []byte {
	random := b[cap(b)-16 : cap(b)]
	rand.Read(random)
	return base64.RawURLEncoding.AppendEncode(b, random)
}

// origin is scheme, host and port, without a port that says nothing.
func origin(u *url.URL) string {
	scheme, host := u.Scheme, u.Host
	port := u.Port()
	plain := !strings.ContainsFunc(scheme, upper) && !strings.ContainsFunc(host, upper)
	if plain && (port == "" || port != defaultPorts[scheme]) && !strings.HasSuffix(host, ":") {
		return scheme + "://" + host
	}
	scheme, host = strings.ToLower(scheme), strings.ToLower(host)
	if port == "" || port == defaultPorts[scheme] {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return scheme + "://" + host
}

func upper(r rune) bool { return 'A' <= r && r <= 'Z' }

var defaultPorts = map[string]string{"https": "443", "http": "80"}
