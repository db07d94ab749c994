package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// A middleman is an attacker between the application and the provider who can read and rewrite everything, as if TLS did not exist: the
// transport of an application's client. It has a key of its own, puts it into the key set and signs the ID Tokens that it changed.
type middleman struct {
	lie  *lie
	next http.RoundTripper
	key  *ecdsa.PrivateKey

	mu     sync.Mutex
	places map[string]string // address → answer, learnt from the metadata that passed by
}

const middlemanKeyID = "attacker"

// object is JSON that is easy to change. Nothing here judges: that is the library's work.
type object = map[string]any

// An answer of the provider, on its way to the application.
type answer struct {
	status  int
	header  http.Header
	members object
	raw     []byte // sent in the place of members
}

func newMiddleman(l *lie, next http.RoundTripper) (*middleman, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return &middleman{lie: l, next: next, key: key, places: map[string]string{}}, err
}

// RoundTrip passes the request on and the answer back, changed where the lie says so.
func (m *middleman) RoundTrip(req *http.Request) (*http.Response, error) {
	req, from, err := m.source(req)
	if err != nil {
		return nil, err
	}
	res, err := m.next.RoundTrip(req)
	if err != nil || res.StatusCode != http.StatusOK {
		return res, err
	}
	a := &answer{status: res.StatusCode, header: res.Header.Clone(), members: object{}}
	err = decode(res.Body, &a.members)
	res.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("the middleman cannot read the answer: %w", err)
	}
	if from == metadataAnswer {
		m.learn(a.members)
	}
	if err := m.falsify(from, a); err != nil {
		return nil, err
	}
	body := a.raw
	if body == nil {
		if body, err = json.Marshal(a.members); err != nil {
			return nil, err
		}
	}
	a.header.Del("Content-Length")
	return &http.Response{StatusCode: a.status, Status: http.StatusText(a.status), Proto: res.Proto, ProtoMajor: res.ProtoMajor, ProtoMinor: res.ProtoMinor,
		Header: a.header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req}, nil
}

// source says what will answer the request. A token request shows its grant only in its body, which is therefore read and replaced.
func (m *middleman) source(req *http.Request) (*http.Request, string, error) {
	if strings.Contains(req.URL.Path, "/.well-known/") {
		return req, metadataAnswer, nil
	}
	m.mu.Lock()
	from := m.places[req.URL.String()]
	m.mu.Unlock()
	if from != tokenAnswer || req.Body == nil {
		return req, from, nil
	}
	body, err := io.ReadAll(req.Body)
	req.Body.Close()
	if err != nil {
		return nil, "", err
	}
	if form, _ := url.ParseQuery(string(body)); form.Get("grant_type") == "refresh_token" {
		from = refreshAnswer
	}
	req = req.Clone(req.Context())
	req.Body = io.NopCloser(bytes.NewReader(body))
	return req, from, nil
}

func (m *middleman) learn(metadata object) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for member, from := range map[string]string{"jwks_uri": jwksAnswer, "token_endpoint": tokenAnswer, "userinfo_endpoint": userInfoAnswer} {
		if address, ok := metadata[member].(string); ok {
			m.places[address] = from
		}
	}
}

func (m *middleman) falsify(from string, a *answer) error {
	l := m.lie
	if l.token != nil && !l.hidden {
		// The attacker signs all ID Tokens once its key stands in the key set, the honest ones too.
		if from == jwksAnswer {
			a.members["keys"] = []object{m.publicKey()}
		}
		if from == tokenAnswer || from == refreshAnswer {
			if err := m.resign(a, from == l.from); err != nil {
				return err
			}
		}
		return nil
	}
	switch {
	case from != l.from:
		return nil
	case l.token != nil:
		return m.resign(a, true)
	case l.answer != nil:
		l.answer(a)
	}
	return nil
}

// resign replaces the ID Token of an answer by one of the attacker's, changed if the lie is to be told here.
func (m *middleman) resign(a *answer, lying bool) error {
	raw, ok := a.members["id_token"].(string)
	if !ok {
		return nil
	}
	header, claims := object{}, object{}
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return fmt.Errorf("the middleman cannot read the ID Token")
	}
	for i, to := range []*object{&header, &claims} {
		if err := decode(base64.NewDecoder(base64.RawURLEncoding, strings.NewReader(parts[i])), to); err != nil {
			return fmt.Errorf("the middleman cannot read the ID Token: %w", err)
		}
	}
	header["original kid"], header["kid"], header["alg"] = header["kid"], middlemanKeyID, "ES256"
	if lying {
		m.lie.token(header, claims)
	}
	delete(header, "original kid")
	signed, err := m.sign(header, claims)
	a.members["id_token"] = signed
	return err
}

// sign makes a compact JWS with ES256, or with no signature at all where the header says none.
func (m *middleman) sign(header, claims object) (string, error) {
	h, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	c, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode(h) + "." + encode(c)
	if header["alg"] == "none" {
		return signed + ".", nil
	}
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, m.key, digest[:])
	if err != nil {
		return "", err
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + encode(signature[:]), nil
}

func (m *middleman) publicKey() object {
	point, _ := m.key.PublicKey.Bytes() // 4, x, y: it was made for a curve of the standard library
	encode := base64.RawURLEncoding.EncodeToString
	return object{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": middlemanKeyID, "x": encode(point[1:33]), "y": encode(point[33:])}
}

func decode(from io.Reader, to *object) error {
	d := json.NewDecoder(from)
	d.UseNumber()
	return d.Decode(to)
}
