// Package storetest is the contract of [store.Backend] as a test suite. A new backend is proven by [Run], in a test of its own, and, when other
// processes reach its data, by [Child] in its TestMain: then holders of a lease are killed and stopped, too.
//
//	func TestMain(m *testing.M) {
//		storetest.Child(func(dir string) (store.Backend, error) { return mystore.New(dir), nil })
//		m.Run()
//	}
//
//	func TestContract(t *testing.T) {
//		dir := t.TempDir()
//		storetest.Run(t, func(*testing.T) store.Backend { return mystore.New(dir) }, storetest.Options{DSN: dir})
//	}
//
// Each case has a name, such as step/fence, and a guarantee: what it is for and who is hurt without it. A failure prints it.
package storetest

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/openid-client/openid/store"
)

// Options say what the backend can do. Cases that need more than it offers are skipped and say so.
type Options struct {
	// Bubble runs each case in a testing/synctest bubble, where waiting costs nothing. For backends that do no I/O and start nothing.
	Bubble bool

	// DSN is what [Child] opens in another process to reach the data that open reaches in this one. "": no other process can.
	DSN string

	// Bounded opens an empty backend that holds at most so many keys. nil: there is no such limit.
	Bounded func(t *testing.T, keys int) store.Backend
}

// Run proves the backend that open opens, once for each case. The data may be the same each time: no case uses another's keys.
func Run(t *testing.T, open func(t *testing.T) store.Backend, o Options) {
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			if group.name == "process" && o.DSN == "" {
				t.Skip("no other process reaches the data")
			}
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) {
					if lack := c.lacks(o); lack != "" {
						t.Skip(lack)
					}
					if !o.Bubble && group.waits {
						t.Parallel()
					}
					c.run(t, open, o)
				})
			}
		})
	}
}

// A group of cases is a subtest. Those of a group that waits much run side by side when time is real.
type group struct {
	name  string
	waits bool
	cases []testCase
}

var groups = []group{
	{"step", false, stepCases},
	{"update", true, updateCases},
	{"index", false, indexCases},
	{"seal", false, sealCases},
	{"fault", true, faultCases},
	{"process", true, processCases},
}

// A testCase is a row: what is guaranteed, and how it is tried.
type testCase struct {
	name      string
	guarantee string
	needs     need
	try       func(*trial)
}

type need int

const (
	nothing   need = iota
	bubble         // its waits are long, and all that it proves of a backend is proven by other cases
	bound          // Options.Bounded
	processes      // Options.DSN
	stopping       // and signals that stop a process
)

func (c testCase) lacks(o Options) string {
	switch {
	case c.needs == bubble && !o.Bubble:
		return "waits too long outside of a bubble"
	case c.needs == bound && o.Bounded == nil:
		return "the backend has no limit of its own"
	case c.needs >= processes && o.DSN == "":
		return "no other process reaches the data"
	case c.needs == stopping && !canStop:
		return "this system cannot stop a process"
	}
	return ""
}

func (c testCase) run(t *testing.T, open func(t *testing.T) store.Backend, o Options) {
	try := func(t *testing.T) {
		if faults := c.faults(t, open(t), o); len(faults) > 0 {
			t.Error(c.complaint(faults))
		}
	}
	if o.Bubble {
		synctest.Test(t, try)
	} else {
		try(t)
	}
}

func (c testCase) complaint(faults []string) string {
	return strings.Join(faults, "\n") + "\nThe guarantee: " + c.guarantee
}
