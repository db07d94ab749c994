package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"runtime/metrics"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Case is one case of the hostile corpus while it is told. Watch begins it.
type Case struct {
	t        *testing.T
	requests string // that it may cause
	bytes    uint64
	patience time.Duration

	grace  int    // milliseconds for what has to notice that it is over
	id     string // labels the goroutines that the case starts
	before uint64 // bytes allocated
	began  time.Time

	mu    sync.Mutex
	seen  []string // endpoints, in the order of their requests
	asked map[*Provider]bool
	heard bool
	shown []string // where secrets showed
}

var (
	watching atomic.Pointer[Case]
	cases    atomic.Int64
)

// Watch sees to it that a case causes the requests that it lists and no other,
// leaves no goroutine behind, allocates within bounds, ends in time, and says no
// secret. What it finds fails the test when the test ends. Cases are watched one
// at a time, so they must not be parallel.
//
// Requests are the names of endpoints in the order in which they are asked, each
// a regular expression that "?", "*" and "+" may follow:
//
//	hostile.Watch(t, "discovery token jwks?")
//
// The empty string lists none. An address where nothing listens is listed as
// "dial:" and its host.
func Watch(t *testing.T, requests string, tune ...func(*Case)) {
	t.Helper()
	c := watch(t, requests, tune...)
	// What was started for the test is stopped before: cleanups run last in, first out.
	t.Cleanup(c.end)
}

func watch(t *testing.T, requests string, tune ...func(*Case)) *Case {
	t.Helper()
	c := &Case{t: t, requests: requests, bytes: 64 << 20, patience: patience, grace: 5_000, asked: map[*Provider]bool{}, id: strconv.FormatInt(cases.Add(1), 10)}
	for _, f := range tune {
		f(c)
	}
	outer := watching.Swap(c)
	if outer != nil {
		t.Fatalf("hostile: %s is still being watched", outer.t.Name())
	}
	// Goroutines inherit labels; this one ends with the test.
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(caseLabel, c.id)))
	c.before, c.began = allocated(), time.Now()
	return c
}

// Bytes lets a case allocate more than 64 MiB, the provider's own share
// included.
func Bytes(n uint64) func(*Case) { return func(c *Case) { c.bytes = n } }

// patience is for what hangs, not for what is slow: the library's own deadlines are
// tens of seconds, and a busy machine with the race detector is ten times slower.
const patience = 5 * time.Minute

// Within lets a case take more, or less, than five minutes.
func Within(d time.Duration) func(*Case) { return func(c *Case) { c.patience = d } }

// Hear gives the watch whatever a case brought to light, errors above all, to
// look for secrets in it. Every case brings something; Hear(nil) says that there
// was no error. Without a case to watch it does nothing.
func Hear(said ...any) {
	c := watching.Load()
	if c == nil {
		return
	}
	c.mu.Lock()
	c.heard = true
	c.mu.Unlock()
	c.search(Shows, said)
}

// Overhear is Hear for the many things that come besides, a trace for example:
// it prints them in one way only, and a case needs more than that.
func Overhear(said ...any) {
	if c := watching.Load(); c != nil {
		c.search(func(v any) bool { return revealing(fmt.Sprintf("%+v", v)) }, said)
	}
}

func (c *Case) search(shows func(any) bool, said []any) {
	for _, v := range said {
		if shows(v) {
			c.mu.Lock()
			c.shown = append(c.shown, fmt.Sprintf("a secret shows in %T %v", v, v))
			c.mu.Unlock()
		}
	}
}

// Watching reports whether there is a case that would Overhear.
func Watching() bool { return watching.Load() != nil }

var (
	// marked is how what is marked with Canary looks in print.
	marked = []string{Canary, fmt.Sprintf("%x", Canary), strings.Trim(fmt.Sprint([]byte(Canary)), "[]")}
	jwt    = regexp.MustCompile(`eyJ[\w-]{10,}\.[\w-]`)
)

func revealing(text string) bool {
	return slices.ContainsFunc(marked, func(s string) bool { return strings.Contains(text, s) }) || jwt.MatchString(text)
}

// Shows reports whether a secret shows in v, however it is printed.
func Shows(v any) bool {
	var printed bytes.Buffer
	if text, ok := v.(string); ok {
		printed.WriteString(text)
	} else {
		fmt.Fprintf(&printed, "%v %+v %#v ", v, v, v)
		json.NewEncoder(&printed).Encode(v)
		slog.New(slog.NewJSONHandler(&printed, nil)).Info("", "", v)
	}
	return revealing(printed.String())
}

// saw notes a request for the case that is being watched.
func (p *Provider) saw(endpoint string) {
	if c := watching.Load(); c != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.seen = append(c.seen, endpoint)
		c.asked[p] = true
	}
}

func (c *Case) end() {
	c.t.Helper()
	faults := c.faults()
	watching.Store(nil)
	if c.t.Skipped() {
		return
	}
	told.Store(c.t.Name(), true)
	for _, fault := range faults {
		c.t.Error(fault)
	}
}

// faults is what is wrong with the case, now that it is over.
func (c *Case) faults() (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if took := time.Since(c.began); took > c.patience {
		fault("it took %s, more than %s", took, c.patience)
	}
	if bytes := allocated() - c.before; bytes > c.bytes {
		fault("%d bytes were allocated, more than %d", bytes, c.bytes)
	}
	c.mu.Lock()
	asked := slices.Collect(maps.Keys(c.asked))
	c.mu.Unlock()
	for _, p := range asked { // a connection that is kept belongs to the caller
		p.closeIdle()
	}
	if left := c.stragglers(); left != "" {
		fault("left behind:\n%s", left)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.lists() {
		fault("requests: %q, listed: %q", strings.Join(c.seen, " "), c.requests)
	}
	if !c.heard && !c.t.Failed() {
		fault("the watch heard nothing of what the case brought to light")
	}
	return append(faults, c.shown...)
}

// lists reports whether the requests are those that are listed.
func (c *Case) lists() bool {
	var expr strings.Builder
	for _, word := range strings.Fields(c.requests) {
		name := strings.TrimRight(word, "?*+")
		fmt.Fprintf(&expr, "(?:(?:%s) )%s", name, word[len(name):])
	}
	seen := strings.Join(append(c.seen, ""), " ")
	return regexp.MustCompile("^" + expr.String() + "$").MatchString(seen)
}

const caseLabel = "hostile-case"

// stragglers are the stacks of what the case started and has not ended. Some of
// it only has to notice that its connection is closed: it gets some seconds.
func (c *Case) stragglers() string {
	for range c.grace {
		if c.others() == "" {
			return ""
		}
		time.Sleep(time.Millisecond)
	}
	return c.others()
}

// others are the stacks of the goroutines of the case, but for this one.
func (c *Case) others() string {
	var profile bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&profile, 1)
	var others []string
	label := fmt.Sprintf("%q:%q", caseLabel, c.id)
	for stack := range strings.SplitSeq(profile.String(), "\n\n") {
		if strings.Contains(stack, label) && !strings.Contains(stack, "hostile.(*Case).others") {
			others = append(others, stack)
		}
	}
	return strings.Join(others, "\n\n")
}

// allocated is how many bytes this process has ever allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
