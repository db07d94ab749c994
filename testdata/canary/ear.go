// Package ear writes down what instrumented functions return: see TestCanaries.
package ear

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"sync"
)

var (
	mu    sync.Mutex
	seed  = maphash.MakeSeed()
	heard = map[uint64]bool{}
	files = map[string]*os.File{}
)

// Error hears an error that a function returns, Value what an exported one returns with it or instead.
func Error(where string, err error) { tell("error", where, err) }
func Value(where string, values ...any) {
	for _, v := range values {
		tell("value", where, v)
	}
}

// Secret hears what nothing may print.
func Secret(s string) {
	if len(s) > 20 {
		write("secret", s+"\x00")
	}
}

func tell(kind, where string, v any) {
	if v == nil {
		return
	}
	text := printed("%v", v) + printed("%+v", v) + printed("%#v", v)
	if b, err := json.Marshal(v); err == nil {
		text += "\njson: " + string(b)
	}
	write(kind, where+text+"\x00")
}

// printed is v in one verb. What cannot be printed has told nobody anything.
func printed(verb string, v any) string { return "\n" + verb + ": " + fmt.Sprintf(verb, v) }

func write(kind, text string) {
	mu.Lock()
	defer mu.Unlock()
	sum := maphash.String(seed, text)
	if heard[sum] {
		return
	}
	heard[sum] = true
	f := files[kind]
	if f == nil {
		var err error
		if f, err = os.OpenFile(filepath.Join(os.Getenv("OPENID_HEARD"), fmt.Sprint(kind, "-", os.Getpid())), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			panic(err)
		}
		files[kind] = f
	}
	if _, err := f.WriteString(text); err != nil {
		panic(err)
	}
}
