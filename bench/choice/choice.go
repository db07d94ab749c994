// Package choice is what the commands of this module are asked to run.
package choice

import (
	"fmt"
	"slices"
	"strings"
)

// A Choice is a list of names, comma separated; empty means all.
type Choice string

// Has reports whether name was chosen.
func (c Choice) Has(name string) bool { return c == "" || slices.Contains(c.names(), name) }

// Check refuses a name that is not known: a run that silently leaves it out looks like one that met its targets.
func (c Choice) Check(flag string, known []string) error {
	if c == "" {
		return nil
	}
	for _, name := range c.names() {
		if !slices.Contains(known, name) {
			return fmt.Errorf("--%s: there is no %q; known: %s", flag, name, strings.Join(known, ", "))
		}
	}
	return nil
}

func (c Choice) names() []string { return strings.Split(string(c), ",") }
