package openid

import (
	"context"
	"errors"
	"strings"
)

// A Decrypter decrypts a JWE in its compact form (RFC 7516). Package jwe makes one of private keys; it is a package of its own, so that
// only those link it who decrypt. A Decrypter is used by several goroutines at once.
type Decrypter interface {
	Decrypt(ctx context.Context, compact string) ([]byte, error)
}

var (
	errNoDecrypter  = errors.New("there is no Config.Decrypter")
	errNotDecrypted = errors.New("it could not be decrypted")
)

// encrypted tells a JWE by its five parts (RFC 7516 section 9), and not from the dots of a JSON form.
func encrypted(compact string) bool {
	return strings.Count(compact, ".") == 4 && !strings.HasPrefix(compact, "{")
}

// decrypted is what lies inside a JWE, and a JWS as it is. One error serves every failure: who sends forged tokens learns nothing of why
// one fails.
func (c *Client) decrypted(ctx context.Context, compact string) (string, error) {
	if !encrypted(compact) {
		return compact, nil
	}
	if c.cfg.Decrypter == nil {
		return compact, errNoDecrypter
	}
	plain, err := c.cfg.Decrypter.Decrypt(ctx, compact)
	if err != nil {
		return compact, errNotDecrypted
	}
	return string(plain), nil
}

func decryption(err error) (expected, got string) {
	switch err {
	case nil:
		return "a token that can be read", "one"
	case errNoDecrypter:
		return "a signed token, since there is no Config.Decrypter", "an encrypted one"
	}
	return "a token encrypted for this client", "one that could not be decrypted"
}
