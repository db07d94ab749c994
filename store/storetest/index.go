package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/openid-client/openid/store"
)

var indexCases = []testCase{
	{"login-logout", "No session outlives the logout of its provider's session, whichever comes first: members and the time of the last logout are one record.", nothing, loginLogout},
}

// An index is what back-channel logout knows of one session at the provider.
type index struct {
	LoggedOut bool
	Members   []string
}

var errLoggedOut = errors.New("logged out meanwhile")

func changeIndex(r *trial, s *store.Store, sid string, f func(*index) error) error {
	return s.Update(r.ctx, sid, func(_ context.Context, h *store.Held) (store.Change, error) {
		var x index
		if h.Value != nil {
			if err := json.Unmarshal(h.Value, &x); err != nil {
				return store.Change{}, err
			}
		}
		if err := f(&x); err != nil {
			return store.Change{}, err
		}
		text, err := json.Marshal(x)
		return store.Put(text, long), err
	})
}

func loginLogout(r *trial) {
	const races = 40
	s := r.store()
	r.atOnce(races, func(i int) {
		sid := r.key + strconv.Itoa(i)
		session := sid + ".session"
		loggedIn := make(chan struct{})
		r.atOnce(2, func(who int) {
			if who == 1 && i%4 == 0 {
				r.await(loggedIn)
			}
			time.Sleep(rand.N(3 * time.Millisecond))
			if who == 0 { // the login
				defer close(loggedIn)
				_, err := s.Add(r.ctx, session, []byte("session"), long)
				r.must("Add", err)
				err = changeIndex(r, s, sid, func(x *index) error {
					if x.LoggedOut {
						return errLoggedOut
					}
					x.Members = append(x.Members, session)
					return nil
				})
				if errors.Is(err, errLoggedOut) {
					r.must("Delete", s.Delete(r.ctx, session))
				} else {
					r.must("Update at login", err)
				}
				return
			}
			var members []string
			r.must("Update at logout", changeIndex(r, s, sid, func(x *index) error {
				members = slices.Clone(x.Members)
				*x = index{LoggedOut: true}
				return nil
			}))
			for _, m := range members {
				r.must("Delete", s.Delete(r.ctx, m))
			}
		})
		if v, err := s.Get(r.ctx, session); v != nil || err != nil {
			r.fault("a session outlived its logout: %s, %v", show(v), err)
		}
	})
}
