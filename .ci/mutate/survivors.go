package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// readSurvivors reads the list of mutants that no test need kill: one or several lines that each name a mutant, then an indented line, or
// more, with the reason. Lines that begin with # are comments.
func readSurvivors(name string) (reasons map[string]string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	reasons = map[string]string{}
	var open []string // mutants that wait for their reason, or have its first lines
	reason := ""
	end := func() error {
		if len(open) > 0 && reason == "" {
			return fmt.Errorf("%s: no reason for: %s", name, open[0])
		}
		for _, key := range open {
			if _, twice := reasons[key]; twice {
				return fmt.Errorf("%s: listed twice: %s", name, key)
			}
			reasons[key] = reason
		}
		open, reason = nil, ""
		return nil
	}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		switch text := strings.TrimSpace(line); {
		case text == "" || text[0] == '#':
		case line[0] == '\t':
			if len(open) == 0 {
				return nil, fmt.Errorf("%s: a reason for nothing: %s", name, text)
			}
			reason = strings.TrimSpace(reason + " " + text)
		default:
			if reason != "" {
				if err := end(); err != nil {
					return nil, err
				}
			}
			open = append(open, text)
		}
	}
	if err := end(); err != nil {
		return nil, err
	}
	return reasons, lines.Err()
}
