package jwks

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/endpoint"
)

func TestExportedSetStartsWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(body(200, setOf("a")+"\n", "Cache-Control", "max-age=7200"))
		c := New(s.fetch)
		if _, err := c.Export(); err == nil {
			t.Fatal("an empty cache was exported")
		}
		mustFind(t, c, "a")
		time.Sleep(time.Hour)
		doc, err := c.Export()
		if err != nil {
			t.Fatal(err)
		}

		s2 := serve(keys("b"))
		c2 := New(s2.fetch)
		if err := c2.Import(doc); err != nil {
			t.Fatal(err)
		}
		mustFind(t, c2, "a")
		time.Sleep(time.Hour - time.Minute)
		mustFind(t, c2, "a")
		synctest.Wait()
		s2.mustHaveFetched(t, 0)

		// Its age came along: soft after two hours, hard after a day.
		time.Sleep(2 * time.Minute)
		mustFind(t, c2, "a")
		time.Sleep(answerTime)
		synctest.Wait()
		s2.mustHaveFetched(t, 1)
		mustFind(t, c2, "b")
	})
}

func TestImportedKeysReachTheHardAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(serve(refuse).fetch)
		if err := c.Import(exported(time.Now().Add(-HardAge+time.Hour), setOf("a"))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour - time.Second)
		mustFind(t, c, "a")
		time.Sleep(time.Second)
		if err := find(t.Context(), c, "a"); err == nil {
			t.Fatal("imported keys outlived the hard age")
		}
	})
}

func TestImportKeepsFresherKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(keys("new"))
		c := New(s.fetch)
		mustFind(t, c, "new")
		if err := c.Import(exported(time.Now().Add(-time.Hour), setOf("old"))); err != nil {
			t.Fatal(err)
		}
		mustFind(t, c, "new")
		s.mustHaveFetched(t, 1)
		time.Sleep(2 * time.Hour)
		if err := c.Import(exported(time.Now().Add(-time.Minute), setOf("newer"))); err != nil {
			t.Fatal(err)
		}
		mustFind(t, c, "newer")
	})
}

// A fetch that was under way when a set was imported, and fails, takes nothing.
func TestFailedFetchKeepsWhatWasImportedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(serve(hang).fetch)
		done := make(chan error)
		go func() { done <- find(t.Context(), c, "a") }()
		synctest.Wait()
		if err := c.Import(exported(time.Now(), setOf("a"))); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		mustFind(t, c, "a")
	})
}

func exported(fetched time.Time, jwks string) []byte {
	return fmt.Appendf(nil, `{"fetched":%d,"fresh_for":3600,"jwks":%s}`, fetched.Unix(), jwks)
}

func TestImportRefuses(t *testing.T) {
	now := time.Now()
	good := string(exported(now, setOf("a")))
	at := fmt.Sprintf(`"fetched":%d`, now.Unix())
	for _, row := range []struct{ lie, doc, names string }{
		{"nothing", "", "JSON"},
		{"an array", "[]", "object"},
		{"cut short", good[:len(good)-1], "JSON"},
		{"something after it", good + "{}", "followed"},
		{"a member twice", strings.Replace(good, at, at+","+at, 1), "repeats"},
		{"a member more", strings.Replace(good, at, at+`,"issuer":"https://op.example"`, 1), "something else"},
		{"no date", strings.Replace(good, at+",", "", 1), "something else"},
		{"a date in words", strings.Replace(good, at, `"fetched":"today"`, 1), "something else"},
		{"a negative date", strings.Replace(good, at, `"fetched":-1`, 1), "something else"},
		{"a negative life", strings.Replace(good, "3600", "-3600", 1), "something else"},
		{"a life of ages", strings.Replace(good, "3600", "9000000000000000000", 1), "something else"},
		{"a bare key set", setOf("a"), "something else"},
		{"no set", `{` + at + `,"fresh_for":3600}`, "JSON is not an object"},
		{"a date in the future", string(exported(now.Add(time.Hour), setOf("a"))), "future"},
		{"a date at the end of time", strings.Replace(good, at, `"fetched":253402300799`, 1), "future"},
		{"keys of yesterday", string(exported(now.Add(-HardAge), setOf("a"))), "older"},
		{"no keys", string(exported(now, `{"keys":[]}`)), "keys"},
		{"a set that is a string", string(exported(now, `"keys"`)), ""},
		{"2 MiB", good + strings.Repeat(" ", 2<<20), "1 MiB"},
	} {
		s := serve(keys("a"))
		c := New(s.fetch)
		err := c.Import([]byte(row.doc))
		if err == nil || !strings.Contains(err.Error(), row.names) {
			t.Errorf("%s: got %v, want an error about %q", row.lie, err, row.names)
		}
		if c.snapshot.Load() != nil {
			t.Errorf("%s: something was kept", row.lie)
		}
	}
}

func TestImportToleratesClocksApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if err := New(serve(refuse).fetch).Import(exported(time.Now().Add(maxSkew+time.Second), setOf("a"))); err == nil {
			t.Error("a clock further ahead than a minute")
		}
		c := New(serve(refuse).fetch)
		if err := c.Import(exported(time.Now().Add(maxSkew), setOf("a"))); err != nil {
			t.Fatal(err)
		}
		// It does not make the keys live longer.
		time.Sleep(HardAge)
		if err := find(t.Context(), c, "a"); err == nil {
			t.Error("the keys outlived the hard age")
		}
	})
}

func TestImportTakesWhatExportCanGive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := string(exported(time.Now(), setOf("a")))
		fresh := func(seconds string) string { return strings.Replace(good, "3600", seconds, 1) }
		padded := func(size int) string { return good + strings.Repeat(" ", size-len(good)) }
		for _, row := range []struct {
			what, doc string
			ok        bool
		}{
			{"the shortest life", fresh("60"), true},
			{"a shorter one", fresh("59"), false},
			{"the longest life", fresh("43200"), true},
			{"a longer one", fresh("43201"), false},
			{"as many bytes as a fetched set has, and the members around it", padded(endpoint.MaxBody + 1024), true},
			{"a byte more", padded(endpoint.MaxBody + 1025), false},
			{"a second before the hard age", string(exported(time.Now().Add(time.Second-HardAge), setOf("a"))), true},
			{"the hard age", string(exported(time.Now().Add(-HardAge), setOf("a"))), false},
		} {
			if err := New(serve(refuse).fetch).Import([]byte(row.doc)); (err == nil) != row.ok {
				t.Errorf("%s: %v", row.what, err)
			}
		}
	})
}
