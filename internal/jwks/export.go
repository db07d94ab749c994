package jwks

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/openid-client/openid/internal/endpoint"
	"github.com/openid-client/openid/internal/jose"
	"github.com/openid-client/openid/internal/strict"
)

// maxSkew is how far ahead the clock of the machine that exported may be.
const maxSkew = time.Minute

var errEmpty = errors.New("no key set is cached")

// Export returns the cached set and when it was fetched, for the next start of
// a process that lives too briefly to fetch it each time: a JSON object with
// "fetched" (Unix seconds), "fresh_for" (seconds) and "jwks". It is an error
// when nothing usable is cached.
func (c *Cache) Export() ([]byte, error) {
	now := time.Now()
	s := c.snapshot.Load()
	if !s.usable(now) {
		return nil, errEmpty
	}
	// The document is JSON, or it would not have been parsed.
	return fmt.Appendf(nil, `{"fetched":%d,"fresh_for":%d,"jwks":%s}`,
		now.Add(-s.age(now)).Unix(), s.freshFor/time.Second, bytes.TrimSpace(s.doc)), nil
}

// Import takes what Export gave, in this process or another. It refuses a
// document that is not exactly that, has no usable key, or says that it was
// fetched in the future or more than [HardAge] ago. Keys that were fetched
// later than these stay.
func (c *Cache) Import(doc []byte) error {
	s, err := parseExport(doc, time.Now())
	if err != nil {
		return fmt.Errorf("importing a key set: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.snapshot.Load(); old == nil || old.fetched.Before(s.fetched) {
		c.snapshot.Store(s)
	}
	return nil
}

func parseExport(doc []byte, now time.Time) (*snapshot, error) {
	if len(doc) > endpoint.MaxBody+1024 {
		return nil, errors.New("expected at most 1 MiB, got more")
	}
	var fetched, seconds int64
	var jwks strict.Value
	err := strict.Outer(doc, func(name []byte, v strict.Value) error {
		ok := false
		switch string(name) {
		case "fetched":
			fetched, ok = v.NumericDate()
		case "fresh_for":
			seconds, ok = v.Integer()
		case "jwks":
			jwks, ok = bytes.Clone(v), true
		}
		if !ok {
			return errNotExport
		}
		return nil
	})
	least, most := int64(minFresh/time.Second), int64(maxFresh/time.Second)
	switch {
	case err != nil:
		return nil, err
	case fetched == 0 || seconds < least || seconds > most:
		return nil, errNotExport
	}
	age := now.Sub(time.Unix(fetched, 0))
	switch {
	case age < -maxSkew:
		return nil, errors.New("expected a past date, got one in the future")
	case age >= HardAge:
		return nil, fmt.Errorf("expected a date at most %s ago, got an older one", HardAge)
	}
	age = max(age, 0)
	set, err := jose.ParseSet(jwks)
	switch {
	case err != nil:
		return nil, err
	case set.Len() == 0:
		return nil, errNoKeys
	}
	fresh := time.Duration(seconds) * time.Second
	// Counted from now, so that the age has a monotonic reading.
	at := now.Add(-age)
	return &snapshot{set: set, doc: jwks, fetched: at, freshFor: fresh, refreshAt: at.Add(fresh)}, nil
}

var errNotExport = errors.New("expected what Export returned, got something else")
