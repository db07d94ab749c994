package openid

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"sync"
	"time"
)

// A Transaction is one login (or logout) under way: state, nonce, code verifier, redirect URI and what was asked for, sealed. It may lie
// in a cookie (400 bytes, its AppState, and 200 more for a DPoP key of its own; a __Host- name, HttpOnly, Secure, SameSite=Lax, or None when the response mode is form_post) or
// in a session; the code that keeps it can neither read nor change it. It is good for 30 minutes and, in one process, for one callback;
// between processes that share keys the server's one-time code stands in for that.
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

// usedTransactions remembers the states whose code was redeemed, for as long as their transactions could be: two generations, each as
// long as a transaction lives. An error response is not remembered: nothing can be redeemed with it, and it costs a stranger nothing.
type usedTransactions struct {
	mu            sync.Mutex
	current, last map[[16]byte]struct{}
	since         time.Time
}

const maxUsedTransactions = 1 << 20

// first reports whether state was not redeemed before, and remembers it if it is now. When the memory is full it reports false: better a
// login that must be repeated than one that is accepted twice.
func (u *usedTransactions) first(state string, now time.Time, redeemed bool) bool {
	sum := sha256.Sum256([]byte(state))
	key := [16]byte(sum[:])
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.current == nil || now.Sub(u.since) > transactionLifetime {
		u.last, u.current, u.since = u.current, make(map[[16]byte]struct{}), now
	}
	_, seen := u.current[key]
	_, seenBefore := u.last[key]
	if seen || seenBefore || len(u.current) >= maxUsedTransactions {
		return false
	}
	if redeemed {
		u.current[key] = struct{}{}
	}
	return true
}
