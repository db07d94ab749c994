package login

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openid-client/openid"
)

// An attempt is a login, or a logout, under way: what this package has to know when the browser comes back. It lies beside the transaction in
// a cookie of its own, so that several tabs do not disturb each other.
type attempt struct {
	id       string
	purpose  string // "login" or "logout"
	provider string
	returnTo string
	tag      string // of the state, where the address shows it: it finds the attempt that failed
	link     string // the tag of the user to whom this adds an account; empty: it is a login like any other
	session  bool   // the browser had one when this began
	foreign  bool   // another site began it
	need     Need
	created  time.Time

	tx   openid.Transaction
	name string // of the cookie
	size int
}

const (
	attemptVersion = 1
	attemptTime    = 30 * time.Minute // as long as a transaction is good for

	// What a browser sends with every request is bounded: servers and proxies refuse headers above 8 KiB.
	maxAttempts     = 5
	maxAttemptBytes = 6 << 10
	maxAttempt      = 3 << 10 // of one
)

var errLargeAttempt = errors.New("login: the transaction is too large for a cookie; ask for less in AuthorizationRequest.TokenExtra, or for a shorter return target")

func newAttempt(purpose, provider, returnTo string) *attempt {
	return &attempt{id: rand.Text()[:16], purpose: purpose, provider: provider, returnTo: returnTo, created: time.Now()}
}

// sent remembers the transaction and, if it can be seen, which state the browser will bring back.
func (a *attempt) sent(to string, tx openid.Transaction) {
	a.tx = tx
	if u, err := url.Parse(to); err == nil {
		a.tag = stateTag(u.Query().Get("state"))
	}
}

func stateTag(state string) string {
	if state == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(state))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

func (a *attempt) encode() []byte {
	b := []byte{attemptVersion}
	for _, text := range []string{a.id, a.purpose, a.provider, a.returnTo, a.tag, a.link, strconv.FormatBool(a.session), strconv.FormatBool(a.foreign), a.need.MaxAge.String(),
		strings.Join(a.need.ACR, " "), strings.Join(a.need.Scope, " ")} {
		b = appendString(b, text)
	}
	return appendTime(b, a.created)
}

func decodeAttempt(b []byte) (*attempt, bool) {
	r, a := newReader(b, attemptVersion), new(attempt)
	var session, foreign, maxAge, acr, scope string
	for _, text := range []*string{&a.id, &a.purpose, &a.provider, &a.returnTo, &a.tag, &a.link, &session, &foreign, &maxAge, &acr, &scope} {
		*text = r.text()
	}
	a.created = r.time()
	var err error
	a.need.MaxAge, err = time.ParseDuration(maxAge)
	a.session, a.foreign, a.need.ACR, a.need.Scope = session == "true", foreign == "true", strings.Fields(acr), strings.Fields(scope)
	return a, err == nil && r.done()
}

func (c *core) attemptPrefix() string { return c.cookieName(c.cfg.CookieName + "-tx-") }

// keep puts the attempt into the browser, and as many older ones out of it as there is no room for. crossSite: the answer comes by a POST
// from another site.
func (c *core) keep(w http.ResponseWriter, r *http.Request, a *attempt, crossSite bool) error {
	a.name = c.attemptPrefix() + a.id
	own, err := c.attemptSeal.seal(a.encode(), a.name+"\x00"+string(a.tx))
	if err != nil {
		return err
	}
	cookie := c.cookie(a.name, string(a.tx)+"."+own, attemptTime)
	a.size = len(cookie.Name) + len(cookie.Value)
	if a.size > maxAttempt {
		return errLargeAttempt
	}
	if crossSite && c.secure {
		cookie.SameSite = http.SameSiteNoneMode
	}
	pending, strange := c.attempts(r)
	for _, name := range strange {
		c.forget(w, name)
	}
	slices.SortFunc(pending, func(a, b *attempt) int { return b.created.Compare(a.created) })
	room := maxAttemptBytes - a.size
	for _, session := range r.CookiesNamed(c.sessionCookie()) {
		room -= len(session.Value) // which may be sealed, and large
	}
	for i, old := range pending {
		if room -= old.size; i+1 >= maxAttempts || room < 0 {
			c.forget(w, old.name)
		}
	}
	http.SetCookie(w, cookie)
	return nil
}

// attempts are those that the browser brought. strange are cookies of such a name that this application did not make, or not recently.
func (c *core) attempts(r *http.Request) (pending []*attempt, strange []string) {
	prefix := c.attemptPrefix()
	for _, cookie := range r.Cookies() {
		if !strings.HasPrefix(cookie.Name, prefix) {
			continue
		}
		a, ok := c.openAttempt(cookie)
		switch {
		case !ok, time.Since(a.created) > attemptTime:
			strange = append(strange, cookie.Name)
		case !slices.ContainsFunc(pending, func(b *attempt) bool { return a.id == b.id }):
			pending = append(pending, a)
		}
	}
	return pending, strange
}

func (c *core) openAttempt(cookie *http.Cookie) (*attempt, bool) {
	tx, own, _ := strings.Cut(cookie.Value, ".")
	plain, _, ok := c.attemptSeal.open(own, cookie.Name+"\x00"+tx)
	if !ok {
		return nil, false
	}
	a, ok := decodeAttempt(plain)
	if !ok {
		return nil, false
	}
	a.tx, a.name, a.size = openid.Transaction(tx), cookie.Name, len(cookie.Name)+len(cookie.Value)
	return a, true
}

// pendingFor are the attempts of one purpose at one provider, with their transactions.
func (c *core) pendingFor(r *http.Request, purpose, provider string) (pending []*attempt, txs []openid.Transaction) {
	all, _ := c.attempts(r)
	for _, a := range all {
		if a.purpose == purpose && a.provider == provider {
			pending, txs = append(pending, a), append(txs, a.tx)
		}
	}
	return pending, txs
}

// answered is the attempt that a failed response belongs to, as far as can be told: nothing is decided by it but where "try again" leads.
func answered(pending []*attempt, state string) *attempt {
	tag := stateTag(state)
	for _, a := range pending {
		if tag != "" && a.tag == tag {
			return a
		}
	}
	if len(pending) == 1 && pending[0].tag == "" {
		return pending[0]
	}
	return nil
}
