package storetest

import (
	"strings"
	"sync/atomic"

	"github.com/openid-client/openid/store"
)

func oneHolder(r *trial) {
	r.added("a", long)
	first, second := token(), token()
	for range 2 {
		if l := r.locked(first, "", long); string(l.Value) != "a" {
			r.fatal("Lock: expected the value, got %s", show(l.Value))
		}
	}
	if l := r.lock(second, "", long); l.OK || l.Holder != first || l.Wait <= 0 || l.Wait > long {
		r.fatal("Lock of a second: expected to learn of holder %q for at most %s, got %q for %s (OK %t)", first, long, l.Holder, l.Wait, l.OK)
	}
	r.holds("a")
	r.refused("Renew of who holds nothing", r.renew(second, long))
	r.refused("Save of who holds nothing", r.save(second, put("x")))
	r.refused("Save of nobody", r.save("", put("x")))
	r.saved(first, store.Remove())
	r.holdsNothing()
	r.refused("Renew after Save", r.renew(first, long))
	r.locked(second, "", long)
}

func lockOnce(r *trial) {
	for range 3 {
		r.key += "."
		var won atomic.Int64
		r.atOnce(50, func(int) {
			if r.lock(token(), "", long).OK {
				won.Add(1)
			}
		})
		if won.Load() != 1 {
			r.fatal("of 50 at once %d had the lease", won.Load())
		}
	}
}

func lockAbsent(r *trial) {
	tok := token()
	if l := r.locked(tok, "", long); l.Value != nil {
		r.fatal("Lock of nothing: got the value %s", show(l.Value))
	}
	r.holdsNothing()
	r.saved(tok, store.Change{})
	r.holdsNothing()
	r.added("a", long)
}

func lockFresh(r *trial) {
	for i := range 5 {
		tok := token()
		l := r.locked(tok, "", long)
		if want := strings.Repeat("v", i); string(l.Value) != want {
			r.fatal("Lock: expected the value %q, got %s", want, show(l.Value))
		}
		r.saved(tok, put(strings.Repeat("v", i+1)))
	}
}

func renewLasts(r *trial) {
	first := token()
	r.locked(first, "", short)
	r.must("Renew", r.renew(first, long))
	lapse()
	if l := r.lock(token(), first, long); l.OK || l.Wait <= short {
		r.fatal("a lease renewed for %s: expected to be refused, got %t and %s to wait", long, l.OK, l.Wait)
	}
	r.must("Renew", r.renew(first, short))
	lapse()
	r.locked(token(), first, long)
}

func lapsedGoesByName(r *trial) {
	r.added("a", long)
	first, second, third := token(), token(), token()
	r.locked(first, "", long)
	if r.lock(second, first, long).OK {
		r.fatal("a lease was taken over that had not lapsed")
	}
	r.must("Renew", r.renew(first, short))
	lapse()
	if l := r.lock(second, "", long); l.OK || l.Holder != first || l.Wait > 0 {
		r.fatal("a lapsed lease, nobody named: expected to learn that %q held it until now, got %q for %s (OK %t)", first, l.Holder, l.Wait, l.OK)
	}
	if r.lock(second, third, long).OK {
		r.fatal("a lapsed lease went to who named another holder")
	}
	if l := r.locked(second, first, long); string(l.Value) != "a" {
		r.fatal("Lock: expected the value, got %s", show(l.Value))
	}
	if r.lock(third, first, long).OK {
		r.fatal("a lease was taken over twice")
	}
}

func fenced(r *trial) {
	r.added("a", long)
	first, second := token(), token()
	r.locked(first, "", short)
	lapse()
	r.locked(second, first, long)
	refused := func(when, want string) {
		r.refused("Renew "+when, r.renew(first, long))
		for _, c := range []store.Change{put("late"), store.Remove(), {}} {
			r.refused("Save "+when, r.save(first, c))
			r.holds(want)
		}
	}
	refused("under a successor", "a")
	if r.lock(token(), "", long).OK {
		r.fatal("who was superseded ended its successor's lease")
	}
	r.saved(second, put("b"))
	refused("after a successor", "b")
}

func lateUnopposed(r *trial) {
	r.added("a", long)
	tok := token()
	r.locked(tok, "", short)
	lapse()
	r.must("Renew of a lapsed lease", r.renew(tok, short))
	lapse()
	r.must("Save under a lapsed lease", r.save(tok, put("late")))
	r.holds("late")
}

func saveIdempotent(r *trial) {
	first, second, third := token(), token(), token()
	r.locked(first, "", long)
	for range 2 {
		r.saved(first, put("1"))
		r.holds("1")
	}
	r.locked(second, "", long)
	r.must("Save again, the next holder at work", r.save(first, put("1")))
	if r.lock(third, "", long).OK {
		r.fatal("a Save that was asked again ended the next holder's lease")
	}
	for range 2 {
		r.saved(second, store.Remove())
		r.holdsNothing()
	}
	r.locked(third, "", long)
	for range 2 {
		r.saved(third, store.Change{})
	}
}
