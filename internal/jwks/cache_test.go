package jwks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/endpoint"
	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/internal/jose"
)

// together runs n calls at once and returns their errors.
func together(n int, call func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = call(i) })
	}
	wg.Wait()
	return errs
}

func TestNewFetchesNothing(t *testing.T) {
	s := serve(keys("a"))
	New(s.fetch)
	s.mustHaveFetched(t, 0)
}

func TestColdCacheIsFetchedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(keys("a"))
		c := New(s.fetch)
		if err := errors.Join(together(200, func(int) error { return find(t.Context(), c, "a") })...); err != nil {
			t.Fatal(err)
		}
		s.mustHaveFetched(t, 1)
	})
}

func TestKnownKeyIsNeverFetchedAgainWhileFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(keys("a"))
		c := New(s.fetch)
		for range 10_000 {
			mustFind(t, c, "a") // whatever became of the signatures, nobody tells the cache
		}
		synctest.Wait()
		s.mustHaveFetched(t, 1)
	})
}

func TestHitAllocatesNothing(t *testing.T) {
	c := New(serve(keys("a")).fetch)
	mustFindReal(t, c, "a")
	dst := make([]*jose.Key, 0, 4)
	if n := testing.AllocsPerRun(100, func() { dst, _ = c.Candidates(t.Context(), dst[:0], "ES256", "a", true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// mustFindReal is mustFind outside of a bubble, where time goes on.
func mustFindReal(t *testing.T, c *Cache, kid string) {
	t.Helper()
	if err := find(t.Context(), c, kid); err != nil {
		t.Fatal(err)
	}
}

func TestUnknownKeyFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(keys("a"))
		c := New(s.fetch)
		mustFind(t, c, "a")
		var wg sync.WaitGroup
		for i := range 10_000 {
			wg.Go(func() {
				var u *Unknown
				if err := find(t.Context(), c, fmt.Sprintf("made-up-%d", i)); !errors.As(err, &u) {
					t.Errorf("unknown key: %v", err)
				} else if u.NextFetch > refill {
					t.Errorf("the next fetch is %s away", u.NextFetch)
				}
			})
			start := time.Now()
			if err := find(t.Context(), c, "a"); err != nil || time.Since(start) > 0 {
				t.Fatalf("good token during the flood: %v after %s", err, time.Since(start))
			}
			time.Sleep(200 * time.Microsecond)
		}
		wg.Wait()
		if n := s.fetches.Load(); n > 3 {
			t.Fatalf("%d fetches for 10,000 unknown keys", n)
		}

		s.now(keys("b"))
		rotated := time.Now()
		for find(t.Context(), c, "b") != nil {
			if time.Since(rotated) > 5*time.Second {
				t.Fatal("a rotation after the flood was not seen within 5 s")
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

func TestRotationWithManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(keys("a"))
		c := New(s.fetch)
		mustFind(t, c, "a")
		s.now(keys("a", "b"))
		if err := errors.Join(together(200, func(int) error { return find(t.Context(), c, "b") })...); err != nil {
			t.Fatal(err)
		}
		s.mustHaveFetched(t, 2)
	})
}

// The last fetch that the bucket allows is for everybody who comes while it runs.
func TestFetchUnderWayIsJoinedThoughTheBucketIsEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(keys("a"))
		c := New(s.fetch)
		mustFind(t, c, "a")
		mustNotKnow(t, c, "x")
		s.now(keys("b"))
		first := make(chan error)
		go func() { first <- find(t.Context(), c, "b") }()
		synctest.Wait()
		if err := errors.Join(together(100, func(int) error { return find(t.Context(), c, "b") })...); err != nil {
			t.Error(err)
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
		s.mustHaveFetched(t, 3)
	})
}

// A caller may look into the old set, lose the processor, and come back when
// another's fetch is over.
func TestLateCallerSharesTheFetchItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, second := range []answer{keys("b"), refuse} {
			s := serve(keys("a"))
			c := New(s.fetch)
			mustFind(t, c, "a")
			seen := c.snapshot.Load()
			s.now(second)
			find(t.Context(), c, "b")
			if err := c.update(t.Context(), seen); err != nil {
				t.Fatal(err)
			}
			s.mustHaveFetched(t, 2)
		}
	})
}

func TestCancelledLeaderHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(keys("a"))
		c := New(s.fetch)
		ctx, cancel := context.WithCancel(t.Context())
		led := make(chan error)
		go func() { led <- find(ctx, c, "a") }()
		synctest.Wait()
		time.AfterFunc(answerTime/2, cancel)
		errs := make(chan []error)
		go func() { errs <- together(100, func(int) error { return find(t.Context(), c, "a") }) }()
		if err := <-led; !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled caller got %v", err)
		}
		if err := errors.Join(<-errs...); err != nil {
			t.Error(err)
		}
		s.mustHaveFetched(t, 1)
	})
}

func TestFetchKeepsContextValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type flow struct{}
		var got any
		c := New(func(ctx context.Context) (*endpoint.Response, error) {
			got = ctx.Value(flow{})
			return keys("a")(ctx)
		})
		if err := find(context.WithValue(t.Context(), flow{}, "f1"), c, "a"); err != nil || got != "f1" {
			t.Errorf("value %v, error %v", got, err)
		}
	})
}

// TestHostileColdLoad: callers share a failure, and a few tries a minute.
func TestHostileColdLoad(t *testing.T) {
	t.Run("J13 no keys yet, and no answer", func(t *testing.T) {
		hostile.Watch(t, "")
		synctest.Test(t, func(t *testing.T) {
			s := serve(refuse)
			c := New(s.fetch)
			burstOf200 := func() {
				t.Helper()
				for _, err := range together(200, func(int) error { return find(t.Context(), c, "a") }) {
					hostile.Hear(err)
					var u *Unavailable
					if !errors.As(err, &u) || !errors.Is(err, errRefused) || u.Age != 0 {
						t.Fatalf("got %v, want *Unavailable with the server's failure", err)
					}
				}
			}
			for n := int64(1); n <= burst; n++ {
				burstOf200()
				s.mustHaveFetched(t, n)
			}
			burstOf200()
			s.mustHaveFetched(t, burst)

			s.now(keys("a"))
			var u *Unavailable
			if err := find(t.Context(), c, "a"); !errors.As(err, &u) || u.NextFetch <= 0 || u.NextFetch > refill {
				t.Fatalf("got %v, want the time of the next fetch", err)
			}
			if text := u.Error(); !strings.Contains(text, "connection refused") || !strings.Contains(text, "again in") {
				t.Errorf("message %q names neither the failure nor the next try", text)
			}
			time.Sleep(u.NextFetch)
			mustFind(t, c, "a")
		})
	})
}

func TestTokenWithoutKeyID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(keys("a", "b"))
		c := New(s.fetch)
		if k, err := c.Candidates(t.Context(), nil, "ES256", "", false); err != nil || len(k) != 2 {
			t.Fatalf("%d keys, %v", len(k), err)
		}
		s.mustHaveFetched(t, 1)
		var u *Unknown
		if _, err := c.Candidates(t.Context(), nil, "RS256", "", false); !errors.As(err, &u) {
			t.Fatalf("no key for the algorithm: %v", err)
		}
		s.mustHaveFetched(t, 2)
	})
}

func TestKeyIDNeverCrossesCaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := serve(keys("k", "only-a")), serve(keys("k"))
		ca, cb := New(a.fetch), New(b.fetch)
		mustFind(t, ca, "k")
		mustFind(t, cb, "k")
		mustFind(t, ca, "only-a")
		mustNotKnow(t, cb, "only-a")
		a.mustHaveFetched(t, 1)
		b.mustHaveFetched(t, 2)
	})
}

func TestDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(keys("a"))
		c := New(s.fetch)
		for range 3 {
			doc, err := c.Document(t.Context())
			if err != nil || string(doc) != setOf("a") {
				t.Fatalf("got %s, %v", doc, err)
			}
			clear(doc) // it is a copy
		}
		s.mustHaveFetched(t, 1)
		mustFind(t, c, "a")

		// Past its soft age it serves, and is fetched again behind the callers' backs.
		s.now(keys("b"))
		time.Sleep(defaultFresh + time.Second)
		if doc, err := c.Document(t.Context()); err != nil || string(doc) != setOf("a") {
			t.Fatalf("got %s, %v", doc, err)
		}
		time.Sleep(answerTime)
		synctest.Wait()
		s.mustHaveFetched(t, 2)
		if doc, err := c.Document(t.Context()); err != nil || string(doc) != setOf("b") {
			t.Fatalf("got %s, %v", doc, err)
		}
		synctest.Wait()
		s.mustHaveFetched(t, 2)

		// Past its hard age it does not, and the error says why there is no newer one.
		s.now(refuse)
		time.Sleep(HardAge)
		var u *Unavailable
		if doc, err := c.Document(t.Context()); !errors.As(err, &u) || !errors.Is(err, errRefused) || u.Age < HardAge || doc != nil {
			t.Fatalf("got %s, %v", doc, err)
		}
	})
}

// A caller that is gone learns that, whether or not there could be a fetch.
func TestGoneCallerGetsItsContextsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(refuse)
		c := New(s.fetch)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		ask := func(when string) {
			t.Helper()
			if err := find(gone, c, "a"); err != context.Canceled {
				t.Errorf("%s: got %v", when, err)
			}
			if doc, err := c.Document(gone); err != context.Canceled || doc != nil {
				t.Errorf("%s: document %s, %v", when, doc, err)
			}
		}
		ask("a fetch is possible")
		s.mustHaveFetched(t, 0)
		for range burst {
			find(t.Context(), c, "a")
		}
		ask("no fetch is possible")
		s.mustHaveFetched(t, burst)
	})
}

func TestUnknownSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(keys("a"))
		c := New(s.fetch)
		mustFind(t, c, "a")
		if u := mustNotKnow(t, c, "b"); u.Unwrap() != nil {
			t.Errorf("after a good fetch: %v", u.Err)
		}
		s.now(refuse)
		if err := find(t.Context(), c, "b"); !errors.Is(err, errRefused) {
			t.Errorf("after a failed one: %v", err)
		}
	})
}

func TestCandidatesAppends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(serve(keys("a")).fetch)
		first, err := c.Candidates(t.Context(), nil, "ES256", "a", true)
		if err != nil {
			t.Fatal(err)
		}
		both, err := c.Candidates(t.Context(), first, "ES256", "a", true)
		if err != nil || len(both) != 2 {
			t.Fatalf("%d keys, %v", len(both), err)
		}
		if _, err := c.Candidates(t.Context(), both, "ES256", "x", true); err == nil {
			t.Error("keys that were in dst before counted as found")
		}
	})
}
