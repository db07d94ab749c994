package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// All mutants of a package are compiled into one test binary, and an environment variable switches one of them on: building takes longer
// than most tests.

// on is the expression that says whether a mutant is switched on.
func on(id int) string { return fmt.Sprintf("mutantOn(%d)", id) }

// schema is the file with all its mutants in it, but for those in without.
func (s *source) schema(first int, without map[int]bool) string {
	edits := slices.DeleteFunc(slices.Clone(s.edits), func(e edit) bool {
		return slices.ContainsFunc(e.ids, func(id int) bool { return without[first+id-1] })
	})
	slices.SortStableFunc(edits, func(a, b edit) int {
		return cmp.Or(a.start-b.start, b.end-a.end, b.depth-a.depth)
	})
	text := s.render(0, len(s.text), edits)
	return inSchema.ReplaceAllStringFunc(text, func(call string) string {
		id, _ := strconv.Atoi(inSchema.FindStringSubmatch(call)[1])
		return on(first + id - 1)
	})
}

var inSchema = regexp.MustCompile(`mutantOn\((\d+)\)`)

// render is the text from start to end with edits, which are sorted and lie within.
func (s *source) render(start, end int, edits []edit) string {
	var b strings.Builder
	for len(edits) > 0 {
		e, n := edits[0], 1
		for n < len(edits) && edits[n].start < e.end {
			n++
		}
		within := edits[1:n]
		b.Write(s.text[start:e.start])
		b.WriteString(e.wrap(func(start, end int) string {
			var part []edit
			for _, e := range within {
				if start <= e.start && e.end <= end {
					part = append(part, e)
				}
			}
			return s.render(start, end, part)
		}))
		start, edits = e.end, edits[n:]
	}
	b.Write(s.text[start:end])
	return b.String()
}

// The names of the environment variables.
const (
	envMutant = "OPENID_MUTANT"
	envHits   = "OPENID_MUTANT_HITS"
)

// switchboard is a file of the package that says which mutant is on, and notes in a file, a byte for each, which are reached.
func switchboard(pkg string, mutants int) string {
	return `package ` + pkg + `

import (
	"errors"
	"os"
	"strconv"
	"syscall"
)

var errMutant = errors.New("mutant")

var mutantSwitch, mutantHits = func() (int, []byte) {
	id, _ := strconv.Atoi(os.Getenv("` + envMutant + `"))
	name := os.Getenv("` + envHits + `")
	if name == "" {
		return id, nil
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	hits, err := syscall.Mmap(int(f.Fd()), 0, ` + strconv.Itoa(mutants+1) + `, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return id, hits
}()

func mutantOn(id int) bool {
	if mutantHits != nil {
		mutantHits[id] = 1
	}
	return id == mutantSwitch
}
`
}
