// Command size builds five programs as they are shipped, and tells what a library adds to a program that has net/http already. Run it in
// the directory of this module.
//
//	go run ./cmd/size
//	go run ./cmd/size --output json
package main

import (
	"debug/buildinfo"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/openid-client/openid/bench/table"
)

const (
	maxAdded   = 450_000 // bytes
	maxModules = 3
)

var programs = []struct {
	name, what string
	target     bool
}{
	{"nethttp", "net/http client and server, JSON", false},
	{"peers", "x/oauth2 and go-oidc", false},
	{"plain", "ours, plain code flow", true},
	{"claims", "ours, plain code flow and Claims[T]", false},
	{"weblogin", "ours, package login", false},
}

func main() {
	log.SetFlags(0)
	output := flag.String("output", "markdown", "markdown or json")
	flag.Parse()
	t, err := sizes()
	if err == nil {
		err = table.Write(os.Stdout, *output, t)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func sizes() (*table.Table, error) {
	dir, err := os.MkdirTemp("", "openid-size-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	t := &table.Table{
		Title:   `binary size, CGO_ENABLED=0 go build -trimpath -ldflags="-s -w"`,
		Columns: []string{"program", "bytes", "added", "target", "modules", "allowed", "met"},
	}
	var base int64
	for _, p := range programs {
		bytes, modules, err := build(p.name, filepath.Join(dir, p.name))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		if p.name == "nethttp" {
			base = bytes
		}
		row := []any{p.what, bytes, bytes - base, nil, modules, nil, nil}
		if p.target {
			row[3], row[5], row[6] = maxAdded, maxModules, bytes-base <= maxAdded && modules <= maxModules
		}
		t.Add(row...)
	}
	return t, nil
}

// build returns the size of a program, and how many modules are linked into it beside its own.
func build(name, file string) (bytes int64, modules int, err error) {
	c := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, "./program/"+name)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		return 0, 0, err
	}
	stat, err := os.Stat(file)
	if err != nil {
		return 0, 0, err
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return 0, 0, err
	}
	return stat.Size(), len(info.Deps), nil
}
