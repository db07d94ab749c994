package openid

import (
	"errors"
)

const exportedKeysVersion = 1

// exportedKeys are keys that were imported before the server's metadata was known.
type exportedKeys struct{ issuer, jwksURI, set string }

var errNoKeys = errors.New("openid: ExportKeys: no keys are cached")

// ExportKeys returns the server's cached signing keys and when they were fetched, for [Client.ImportKeys] of another process: a function
// that is started for a single request then verifies without a fetch. The keys are public, yet whoever can change the bytes can forge
// logins: keep them where only this application writes.
func (c *Client) ExportKeys() ([]byte, error) {
	s := c.server.Load()
	if s == nil || s.keys == nil {
		return nil, errNoKeys
	}
	set, err := s.keys.Export()
	if err != nil {
		return nil, errNoKeys
	}
	return encodeRecord(exportedKeysVersion, c.cfg.Issuer, s.meta.JWKSURI, string(set)), nil
}

// ImportKeys takes over what [Client.ExportKeys] of a client of the same issuer returned. It does no I/O: where the metadata is not loaded
// yet, the keys wait, and are used if the metadata names the same jwks_uri. Keys that are too old, or older than those that are cached,
// are refused or ignored.
func (c *Client) ImportKeys(exported []byte) error {
	k := new(exportedKeys)
	if err := decodeRecord(exported, exportedKeysVersion, &k.issuer, &k.jwksURI, &k.set); err != nil {
		return err
	}
	if k.issuer != c.cfg.Issuer {
		return &VerificationError{Document: "exported keys", Check: "issuer", Expected: quoted(c.cfg.Issuer), Got: quoted(k.issuer)}
	}
	c.warm.Store(k)
	if s := c.server.Load(); s != nil {
		return c.importInto(s)
	}
	return nil
}

// importInto gives a server the keys that wait for it.
func (c *Client) importInto(s *server) error {
	k := c.warm.Load()
	if k == nil || s.keys == nil || k.jwksURI != s.meta.JWKSURI {
		return nil
	}
	return s.keys.Import([]byte(k.set))
}
