package openid

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"time"
)

// A Transaction is one login (or logout) under way: state, nonce, code verifier, redirect URI and what was asked for, sealed. It may lie
// in a cookie (400 bytes, its AppState, and 200 more for a DPoP key of its own; a __Host- name, HttpOnly, Secure, SameSite=Lax, or None when the response mode is form_post) or
// in a session; the code that keeps it can neither read nor change it. It is good for 30 minutes and for one callback, in all
// processes that share Config.Store; between others the server's one-time code stands in for that.
type Transaction string

const transactionLifetime = 30 * time.Minute

// transaction is the content of a [Transaction].
type transaction struct {
	purpose      string // "login" or "logout"
	flow         string
	state        string
	nonce        string // empty: no ID Token is expected
	verifier     string // empty: no PKCE
	redirectURI  string
	responseType string
	responseMode string
	scope        string
	maxAge       string // seconds, empty when not asked
	appState     string
	tokenExtra   string // form-encoded
	dpop         string // the record of the key the code is bound to; empty: none
	created      time.Time
}

const transactionVersion = 2

// code reports whether the response brings a code to redeem.
func (t *transaction) code() bool {
	rt, _ := findResponseType(t.responseType)
	return rt.code
}

func (c *Client) sealTransaction(t *transaction) (Transaction, error) {
	s, err := c.seal.seal(encodeRecord(transactionVersion, t.purpose, t.flow, t.state, t.nonce, t.verifier, t.redirectURI, t.responseType,
		t.responseMode, t.scope, t.maxAge, t.appState, t.tokenExtra, t.dpop, strconv.FormatInt(t.created.Unix(), 10)))
	return Transaction(s), err
}

func (c *Client) openTransaction(sealed Transaction) (*transaction, bool) {
	plain, ok := c.seal.open(string(sealed))
	if !ok {
		return nil, false
	}
	t, created := new(transaction), ""
	if decodeRecord(plain, transactionVersion, &t.purpose, &t.flow, &t.state, &t.nonce, &t.verifier, &t.redirectURI, &t.responseType,
		&t.responseMode, &t.scope, &t.maxAge, &t.appState, &t.tokenExtra, &t.dpop, &created) != nil {
		return nil, false
	}
	seconds, err := strconv.ParseInt(created, 10, 64)
	t.created = time.Unix(seconds, 0)
	return t, err == nil
}

// pick finds the pending transaction that state belongs to. Two tabs have two of them.
func (c *Client) pick(purpose, state string, pending []Transaction) *transaction {
	var found *transaction
	for _, sealed := range pending {
		if t, ok := c.openTransaction(sealed); ok && t.purpose == purpose && equal(t.state, state) {
			found = t
		}
	}
	return found
}

// anyPending reports whether there is a transaction at all that a response may belong to.
func (c *Client) anyPending(purpose string, pending []Transaction) bool {
	return slices.ContainsFunc(pending, func(sealed Transaction) bool {
		t, ok := c.openTransaction(sealed)
		return ok && t.purpose == purpose && t.young()
	})
}

func (t *transaction) young() bool { return t != nil && time.Since(t.created) <= transactionLifetime }

func (*transaction) limit() string { return "was started within " + transactionLifetime.String() }

func (t *transaction) age() string {
	if t == nil {
		return "that nobody started"
	}
	if d := time.Since(t.created).Truncate(time.Second); d > 0 {
		return "started " + d.String() + " ago"
	}
	return "started just now"
}

// first reports whether the login was not over before, and ends it if a code comes with the response: an error response is not remembered,
// since nothing can be redeemed with it, and it costs a stranger nothing. A store that cannot say counts as no: better a login that must be
// repeated than one that is accepted twice.
func (c *Client) first(ctx context.Context, t *transaction, redeemed bool) (bool, error) {
	key := c.storeKey("used", t.state)
	if !redeemed {
		used, err := c.store.Get(ctx, key)
		return used == nil && err == nil, err
	}
	return c.store.Add(ctx, key, nil, transactionLifetime)
}

// storeKey is a key of Config.Store: what it is about cannot be read from it, and no other client has it.
func (c *Client) storeKey(kind, name string) string {
	sum := sha256.Sum256(encodeRecord(1, c.cfg.Issuer, c.cfg.ClientID, name))
	return kind + ":" + base64.RawURLEncoding.EncodeToString(sum[:])
}
