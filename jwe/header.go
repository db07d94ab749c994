package jwe

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxCompact = 1 << 20 // bytes
	maxHeader  = 8 << 10
)

// header is what the protected header of a JWE says (RFC 7516 section 4.1, RFC 7518 section 4.6.1).
type header struct {
	alg, enc, kid string
	hasKeyID      bool
	apu, apv      []byte
	epk           *ephemeralKey
}

type ephemeralKey struct{ kty, crv, x, y string }

// A message is a JWE in its five parts.
type message struct {
	header
	protected                string // as it stood there: it is authenticated
	key, iv, ciphertext, tag []byte
}

func split(compact string) (*message, error) {
	if len(compact) > maxCompact {
		return nil, fmt.Errorf("jwe: expected at most %d bytes, got %d", maxCompact, len(compact))
	}
	parts := strings.SplitN(compact, ".", 6)
	if len(parts) != 5 || strings.HasPrefix(compact, "{") { // the JSON form can hold dots too
		return nil, errors.New("jwe: expected the compact form, in 5 parts")
	}
	m := &message{protected: parts[0]}
	if len(m.protected) > maxHeader {
		return nil, fmt.Errorf("jwe: header: expected at most %d bytes, got %d", maxHeader, len(m.protected))
	}
	raw, err := decode(parts[0])
	if err != nil {
		return nil, fmt.Errorf("jwe: header: %w", err)
	}
	if err := m.header.parse(raw); err != nil {
		return nil, fmt.Errorf("jwe: header: %w", err)
	}
	for i, into := range []*[]byte{&m.key, &m.iv, &m.ciphertext, &m.tag} {
		if *into, err = decode(parts[i+1]); err != nil {
			return nil, fmt.Errorf("jwe: part %d: %w", i+2, err)
		}
	}
	return m, nil
}

var errBase64 = errors.New("expected canonical base64url")

// decode takes one spelling of each value: what a lax reader accepts beside it lets somebody change a token that is not theirs.
func decode(s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return nil, errBase64
	}
	return b, nil
}

func (h *header) parse(raw []byte) error {
	return members(raw, func(name string, v jsontext.Value) error {
		var err error
		switch name {
		case "alg":
			h.alg, err = text(name, v)
		case "enc":
			h.enc, err = text(name, v)
		case "kid":
			h.kid, err = text(name, v)
			h.hasKeyID = true
		case "apu":
			h.apu, err = encodedText(name, v)
		case "apv":
			h.apv, err = encodedText(name, v)
		case "epk":
			h.epk = new(ephemeralKey)
			err = h.epk.parse(v)
		case "zip":
			// Compression tells something of the content by its length, and inflates without bounds.
			err = errors.New("expected no zip (RFC 8725 §3.6), got one")
		case "crit":
			err = errors.New("expected no extension that must be understood (RFC 7516 §4.1.13), got one")
		}
		return err
	})
}

func (k *ephemeralKey) parse(v jsontext.Value) error {
	return members(v, func(name string, v jsontext.Value) error {
		var err error
		switch name {
		case "kty":
			k.kty, err = text(name, v)
		case "crv":
			k.crv, err = text(name, v)
		case "x":
			k.x, err = text(name, v)
		case "y":
			k.y, err = text(name, v)
		}
		return err
	})
}

// members walks a JSON object. jsontext refuses duplicate names and what is not UTF-8.
func members(raw []byte, member func(name string, v jsontext.Value) error) error {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	if d.PeekKind() != '{' {
		return errors.New("expected a JSON object")
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return errors.New("expected a JSON object without duplicate names")
		}
		key := name.String()
		v, err := d.ReadValue()
		if err != nil {
			return errors.New("expected a JSON object")
		}
		if err := member(key, v.Clone()); err != nil { // the decoder reuses its memory
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return errors.New("expected a JSON object without duplicate names")
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return errors.New("expected nothing after the JSON object")
	}
	return nil
}

func text(name string, v jsontext.Value) (string, error) {
	if v.Kind() != '"' {
		return "", fmt.Errorf("expected %s to be a string", name)
	}
	b, err := jsontext.AppendUnquote(nil, v)
	return string(b), err
}

func encodedText(name string, v jsontext.Value) ([]byte, error) {
	s, err := text(name, v)
	if err != nil {
		return nil, err
	}
	return decode(s)
}
