package choice

import "testing"

func TestChoice(t *testing.T) {
	known := []string{"cold", "rotation"}
	for _, c := range []struct {
		choice Choice
		has    string // of the known
		err    string
	}{
		{"", "cold rotation", ""},
		{"cold", "cold", ""},
		{"rotation,cold", "cold rotation", ""},
		{"nope", "", `--storm: there is no "nope"; known: cold, rotation`},
		{"cold,nope", "cold", `--storm: there is no "nope"; known: cold, rotation`},
		{"cold,", "cold", `--storm: there is no ""; known: cold, rotation`},
	} {
		has := ""
		for _, name := range known {
			if c.choice.Has(name) {
				has += " " + name
			}
		}
		if has != "" {
			has = has[1:]
		}
		said := ""
		if err := c.choice.Check("storm", known); err != nil {
			said = err.Error()
		}
		if has != c.has || said != c.err {
			t.Errorf("%q has %q and says %q", c.choice, has, said)
		}
	}
}
