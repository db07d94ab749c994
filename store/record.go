package store

import "time"

// A record is all there is about one key, and the rules that a backend which can read and write it whole needs. Times of leases are on the
// backend's own clock.
type record struct {
	value   []byte // nil: none
	expires time.Time
	added   Token // the Add that stored value, if one did
	saved   Token // the acquisition that saved last
	holder  Token // empty: nobody
	until   time.Time
}

// remembered is how long a lapsed lease, and who saved last, are known after there is nothing else to know: longer than any holder works on.
const remembered = 3 * time.Minute

func (r *record) live(now time.Time) bool   { return r.value != nil && now.Before(r.expires) }
func (r *record) leased(now time.Time) bool { return r.holder != "" && now.Before(r.until) }

// current is the value that counts.
func (r *record) current(now time.Time) []byte {
	if !r.live(now) {
		return nil
	}
	return r.value
}

// end is when nobody needs the record any more.
func (r *record) end() time.Time {
	end := r.until.Add(remembered)
	if r.value != nil && r.expires.After(end) {
		return r.expires
	}
	return end
}

func (r *record) add(now time.Time, v []byte, ttl time.Duration, tok Token) bool {
	switch {
	case r.live(now):
		return r.added == tok
	case r.leased(now):
		return false
	}
	*r = record{value: v, expires: now.Add(ttl), added: tok, until: now.Add(-remembered)}
	return true
}

func (r *record) lock(now time.Time, tok, over Token, d time.Duration) (Locked, bool) {
	if r.holder != "" && r.holder != tok && (r.leased(now) || r.holder != over) {
		return Locked{Holder: r.holder, Wait: r.until.Sub(now)}, false
	}
	r.holder, r.until = tok, now.Add(d)
	return Locked{OK: true, Value: r.current(now)}, true
}

func (r *record) renew(now time.Time, tok Token, d time.Duration) error {
	if r.holder != tok || tok == "" {
		return ErrLost
	}
	r.until = now.Add(d)
	return nil
}

// save reports whether there is anything to write.
func (r *record) save(now time.Time, tok Token, c Change) (bool, error) {
	if r.holder != tok || tok == "" {
		if r.saved == tok && tok != "" {
			return false, nil
		}
		return false, ErrLost
	}
	r.holder, r.saved, r.until = "", tok, now
	if v, ttl, ok := c.Value(); ok {
		r.value, r.expires, r.added = v, now.Add(ttl), ""
	} else if c.Removes() || !r.live(now) {
		r.value, r.added = nil, ""
	}
	return true, nil
}
