package jwks

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/endpoint"
	"github.com/openid-client/openid/internal/hostile"
)

var outages = []struct {
	name   string
	answer answer
}{
	{"connection refused", refuse},
	{"status 500 with keys", body(500, setOf("b"))},
	{"status 206 with keys", body(206, setOf("b"))},
	{"an HTML page", func(context.Context) (*endpoint.Response, error) {
		return nil, &endpoint.Error{Sent: true, Status: 200, Expected: "application/json", Got: "text/html"}
	}},
	{"not JSON", body(200, "<html>")},
	{"J18 an empty set", body(200, `{"keys":[]}`)},
	{"no set", body(200, `{}`)},
	{"J18 a set without a usable key", body(200, `{"keys":[{"kty":"moon","kid":"b"}]}`)},
	{"never", hang},
}

// TestHostileOutage: J17, J20. However the server fails, known keys serve, at once, until the hard age.
func TestHostileOutage(t *testing.T) {
	for _, o := range outages {
		t.Run(o.name, func(t *testing.T) {
			hostile.Watch(t, "")
			synctest.Test(t, func(t *testing.T) {
				s := serve(keys("a"))
				c := New(s.fetch)
				mustFind(t, c, "a")
				loaded := time.Now()
				s.now(o.answer)
				if u := mustNotKnow(t, c, "b"); u.Err == nil {
					t.Error("an unknown key's error does not say why the fetch failed")
				}
				for time.Since(loaded) < HardAge-time.Minute {
					start := time.Now()
					if err := find(t.Context(), c, "a"); err != nil || time.Since(start) > 0 {
						t.Fatalf("%s after the fetch: %v, which took %s", time.Since(loaded), err, time.Since(start))
					}
					time.Sleep(59 * time.Second)
				}
				// One attempt a minute at most.
				if n := s.fetches.Load(); n < 3 || n > 24*60 {
					t.Errorf("%d fetches in a day", n)
				}

				time.Sleep(time.Until(loaded.Add(HardAge)))
				var u *Unavailable
				err := find(t.Context(), c, "a")
				hostile.Hear(err)
				if !errors.As(err, &u) || u.Age < HardAge || !strings.Contains(err.Error(), "too old") {
					t.Fatalf("past the hard age: %v", err)
				}
				if _, err := c.Export(); err == nil {
					t.Error("keys past the hard age were exported")
				}
				s.now(keys("a"))
				time.Sleep(refill)
				mustFind(t, c, "a")
			})
		})
	}
}

func TestHungFetchEndsAtItsOwnTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(hang)
		c := New(s.fetch)
		start := time.Now()
		var u *Unavailable
		if err := find(t.Context(), c, "a"); !errors.As(err, &u) {
			t.Fatal(err)
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("the caller was held for %s", d)
		}
		if s.running.Load() != 0 {
			t.Error("the fetch goes on")
		}
	})
}

func TestWithdrawnKeyDiesAtTheNextGoodFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(keys("a", "leaked"))
		c := New(s.fetch)
		mustFind(t, c, "leaked")
		s.now(keys("a"))
		time.Sleep(defaultFresh + time.Second)
		mustFind(t, c, "a") // starts the refresh
		time.Sleep(answerTime)
		synctest.Wait()
		mustNotKnow(t, c, "leaked")
		mustFind(t, c, "a")
	})
}

func TestSoftAgeIsNobodysWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(body(200, setOf("a"), "Cache-Control", "public, max-age=600"))
		c := New(s.fetch)
		mustFind(t, c, "a")
		time.Sleep(10 * time.Minute)
		mustFind(t, c, "a")
		synctest.Wait()
		s.mustHaveFetched(t, 1)
		time.Sleep(time.Second)
		start := time.Now()
		before := runtime.NumGoroutine()
		for _, err := range together(200, func(int) error { return find(t.Context(), c, "a") }) {
			if err != nil || time.Since(start) > 0 {
				t.Fatalf("%v after %s", err, time.Since(start))
			}
		}
		if _, err := c.Document(t.Context()); err != nil || time.Since(start) > 0 {
			t.Fatalf("%v after %s", err, time.Since(start))
		}
		synctest.Wait()
		// The refresh, and the fetch that it waits for; the count is of the whole process, where others may end.
		if n := runtime.NumGoroutine() - before; n > 10 {
			t.Errorf("%d goroutines", n)
		}
		time.Sleep(answerTime)
		synctest.Wait()
		s.mustHaveFetched(t, 2)

		time.Sleep(10*time.Minute + time.Second)
		mustFind(t, c, "a")
		time.Sleep(answerTime)
		synctest.Wait()
		s.mustHaveFetched(t, 3)
	})
}

func TestFreshness(t *testing.T) {
	for _, row := range []struct {
		name   string
		header http.Header
		want   time.Duration
	}{
		{"no word", http.Header{}, defaultFresh},
		{"two hours", http.Header{"Cache-Control": {"public, max-age=7200"}}, 2 * time.Hour},
		{"any case, quoted", http.Header{"Cache-Control": {`PUBLIC,MAX-AGE="7200"`}}, 2 * time.Hour},
		{"part of it spent on the way", http.Header{"Cache-Control": {"max-age=7200"}, "Age": {"3600"}}, time.Hour},
		{"all of it spent", http.Header{"Cache-Control": {"max-age=7200"}, "Age": {"99999999999999999999"}}, minFresh},
		{"unreadable Age", http.Header{"Cache-Control": {"max-age=7200"}, "Age": {"-5"}}, 2 * time.Hour},
		{"zero", http.Header{"Cache-Control": {"max-age=0"}}, minFresh},
		{"no-store", http.Header{"Cache-Control": {"max-age=7200, no-store"}}, minFresh},
		{"no-cache", http.Header{"Cache-Control": {"no-cache"}}, minFresh},
		{"a year", http.Header{"Cache-Control": {"max-age=31536000"}}, maxFresh},
		{"beyond counting", http.Header{"Cache-Control": {"max-age=99999999999999999999"}}, maxFresh},
		{"negative", http.Header{"Cache-Control": {"max-age=-1"}}, defaultFresh},
		{"no number", http.Header{"Cache-Control": {"max-age="}}, defaultFresh},
		{"not a number", http.Header{"Cache-Control": {"max-age=soon"}}, defaultFresh},
		{"two answers", http.Header{"Cache-Control": {"max-age=7200", "max-age=600"}}, 10 * time.Minute},
		{"of shared caches only", http.Header{"Cache-Control": {"s-maxage=600"}}, defaultFresh},
	} {
		if got := freshness(row.header); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

func TestBucket(t *testing.T) {
	var b bucket
	now := time.Now()
	for range 3 {
		if !b.take(now) {
			t.Fatal("a full bucket gave fewer than three")
		}
	}
	if b.take(now.Add(5*time.Second-1)) || b.wait(now) != 5*time.Second {
		t.Fatalf("an empty bucket gave one; wait %s", b.wait(now))
	}
	if now = now.Add(refill); !b.take(now) || b.take(now) {
		t.Fatal("a refill is not exactly one")
	}
	now = now.Add(time.Hour)
	for range burst {
		b.take(now)
	}
	if b.take(now) {
		t.Fatal("a bucket at rest held more than its burst")
	}
}
