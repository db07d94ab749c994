package openid_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/openid-client/openid"

// A floor says what one package may import besides the standard library. Imports point down only, and what is not
// allowed here is refused: widening a row is a decision that shows in review.
type floor struct {
	ours    []string // packages of this repository, by directory; "." is the root
	theirs  []string // packages of others, by import path
	without []string // standard library packages this one must do without
	judged  []string // packages of this repository that only its tests import, to judge what no public package shows
}

const (
	jsonv2   = "github.com/go-json-experiment/json" // reflection: only in claims.go, for those who call Claims
	jsontext = jsonv2 + "/jsontext"
	mldsa    = "filippo.io/mldsa"
	gojose   = "github.com/go-jose/go-jose/v4"
)

// floors lists every package the root module may hold.
var floors = map[string]floor{
	// Floor 0: plain results, never a public error or event type. The strict readers are the ground under the rest.
	"internal/strict":   {theirs: []string{jsontext}, without: reflectingJSON},
	"internal/jose":     {ours: []string{"internal/strict"}, theirs: []string{jsontext, mldsa}, without: reflectingJSON},
	"internal/endpoint": {ours: []string{"internal/strict"}, theirs: []string{jsontext}, without: reflectingJSON},

	// Floor 1.
	"internal/jwks": {ours: floor0, without: reflectingJSON},
	"internal/dpop": {ours: floor0, without: reflectingJSON},
	"store":         {},
	"jwe":           {ours: []string{"internal/jose"}, theirs: []string{jsontext, gojose, gojose + "/cipher"}},

	// Floor 2.
	".": {ours: append([]string{"internal/jwks", "internal/dpop", "store"}, floor0...), theirs: []string{jsontext}, without: templates},

	// Floor 3: never each other, but for the login buttons that presets fill.
	"login":    {ours: []string{".", "store", "preset"}, without: templates},
	"loopback": {ours: []string{".", "store"}},
	"resource": {ours: []string{".", "store", "internal/dpop"}},
	"preset":   {ours: []string{".", "store"}},

	// For tests only. The scripted provider signs for itself; ML-DSA keys come from where the standard library has its own.
	"internal/hostile": {theirs: []string{mldsa}},
	"store/storetest":  {ours: []string{"store"}},
}

var (
	floor0         = []string{"internal/strict", "internal/jose", "internal/endpoint"}
	testsOnly      = []string{"internal/hostile", "store/storetest"}
	reflectingJSON = []string{"encoding/json"} // bytes from outside go through internal/strict
	templates      = []string{"html/template"} // 2.2 MB in every user's binary

	// What a caller of the root module sees, and what nested modules add to it.
	public = []string{
		".", "store", "jwe", "login", "loopback", "resource", "preset",
		"xoauth2", "openidtest", "store/redisstore", "store/pgstore", "store/keyring", "otel", "mcpauth",
	}
)

// nested lists the modules inside this repository. They choose their own third parties; of ours they see what any user
// sees. Go itself would let them import internal/, so only this table keeps them out.
var nested = map[string]floor{
	"openidtest":       {without: []string{"testing"}}, // the provider must not agree with the client by sharing its code
	"xoauth2":          {ours: public},
	"store/redisstore": {ours: public},
	"store/pgstore":    {ours: public},
	"store/keyring":    {ours: public},
	"otel":             {ours: public},
	"mcpauth":          {ours: public},
	"cmd/openid":       {ours: public},
	"interop":          {ours: public, judged: []string{"internal/jose"}}, // against Wycheproof, go-jose and jwx, which the root must not require
	"interop/zitadel":  {},                                                // other people's providers share no code with us
	"interop/fosite":   {},
	"bench":            {ours: public},
	"examples":         {ours: public},

	"examples/frameworks": {ours: public}, // so that nobody else carries the routers
}

// namelessRooms are names that say nothing about what is inside: the spec has a noun for it.
var namelessRooms = []string{
	"util", "utils", "helper", "helpers", "common", "misc", "types", "shared", "manager", "base", "model",
}

// processWide are the parts of net/http that any package of the process can change under us.
var processWide = []string{"DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm"}

func TestFloors(t *testing.T) {
	for _, fault := range floorFaults(t, os.DirFS(".")) {
		t.Error(fault)
	}
}

// floorFaults reads the imports itself: a test that shelled out to go list would stay green from the test cache.
func floorFaults(t *testing.T, tree fs.FS) (faults []string) {
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.ContainsAny(d.Name()[:1], "._") || slices.Contains([]string{"testdata", "node_modules"}, d.Name())):
			return fs.SkipDir
		case d.Name() == "go.mod" && name != "go.mod" && nestedModule(path.Dir(name)) == "":
			faults = append(faults, name+": a nested module that floors_test.go does not know: give it a row")
		case path.Ext(name) == ".go":
			if home := nestedModule(path.Dir(name)); home != "" && !hasModule(tree, home, path.Dir(name)) {
				faults = append(faults, name+": "+home+" must be a module of its own, so that nobody else carries its dependencies")
			}
			source, err := fs.ReadFile(tree, name)
			if err != nil {
				return err
			}
			faults = append(faults, fileFaults(t, name, source)...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return faults
}

func fileFaults(t *testing.T, name string, source []byte) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, name+": "+fmt.Sprintf(format, args...)) }
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	dir, test := path.Dir(name), strings.HasSuffix(name, "_test.go")

	words := append(strings.Split(strings.TrimSuffix(name, ".go"), "/"), file.Name.Name)
	words = append(words, strings.Split(strings.TrimSuffix(path.Base(name), ".go"), "_")...)
	if i := slices.IndexFunc(words, func(w string) bool { return slices.Contains(namelessRooms, w) }); i >= 0 {
		fault("%q says nothing about what is inside: use the spec's noun", words[i])
	}

	home := nestedModule(dir)
	row, known := floors[dir]
	if home != "" {
		row, known = nested[home], true
	}
	if !known {
		fault("package %s stands on no floor: give it a floor in floors_test.go", dir)
		return faults
	}
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if !allowed(name, home, row, imported) {
			fault("must not import %s", imported)
		}
		if imported == "net/http" && home == "" && !test {
			for _, use := range processWideUses(file, spec) {
				fault("http.%s is shared by the whole process: take the client from Config", use)
			}
		}
	}
	return faults
}

func allowed(name, home string, row floor, imported string) bool {
	dir, test := path.Dir(name), strings.HasSuffix(name, "_test.go")
	ours, isOurs := strings.CutPrefix(imported, module)
	ours = path.Clean("./" + ours)
	switch {
	case isOurs && home != "" && (ours == home || strings.HasPrefix(ours, home+"/")):
		return true
	case isOurs && slices.Contains(testsOnly, ours):
		return test && (home == "" || !strings.HasPrefix(ours, "internal/"))
	case isOurs && test:
		return ours == dir || slices.Contains(row.ours, ours) || slices.Contains(row.judged, ours) || slices.Contains(public, ours) && home != "openidtest"
	case isOurs:
		return slices.Contains(row.ours, ours)
	case imported == jsonv2 && name == "claims.go":
		return true
	case strings.Contains(strings.Split(imported, "/")[0], "."):
		return home != "" || slices.Contains(row.theirs, imported) || test && slices.Contains([]string{jsontext, mldsa}, imported)
	}
	return test || !slices.Contains(row.without, imported)
}

// nestedModule names the nested module that dir belongs to, "" for the root module.
func nestedModule(dir string) (home string) {
	for candidate := range maps.Keys(nested) {
		if (dir == candidate || strings.HasPrefix(dir, candidate+"/")) && len(candidate) > len(home) {
			home = candidate
		}
	}
	return home
}

// hasModule tells whether a go.mod lies in dir or above it, up to the home of a nested module.
func hasModule(tree fs.FS, home, dir string) bool {
	if _, err := fs.Stat(tree, dir+"/go.mod"); err == nil {
		return true
	}
	return dir != home && hasModule(tree, home, path.Dir(dir))
}

func processWideUses(file *ast.File, spec *ast.ImportSpec) (uses []string) {
	local := "http"
	if spec.Name != nil {
		local = spec.Name.Name
	}
	if local == "." {
		return []string{"* under its bare names"}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok && slices.Contains(processWide, selector.Sel.Name) {
			if x, ok := selector.X.(*ast.Ident); ok && x.Name == local {
				uses = append(uses, selector.Sel.Name)
			}
		}
		return true
	})
	return uses
}

// TestFloorsBite shows the guard forbidden arrows and expects the one complaint, and allowed ones and expects silence.
func TestFloorsBite(t *testing.T) {
	imports := func(pkg string, paths ...string) string {
		source := "package " + pkg + "\n"
		for _, p := range paths {
			source += "import _ " + strconv.Quote(p) + "\n"
		}
		return source
	}
	for _, test := range []struct{ lie, name, source, want string }{
		{"floor 0 climbs to the root", "internal/jose/jws.go", imports("jose", module), "must not import " + module},
		{"floor 0 looks sideways", "internal/strict/json.go", imports("strict", module+"/internal/jose"), "must not import"},
		{"floor 1 climbs", "internal/jwks/cache.go", imports("jwks", module+"/login"), "must not import"},
		{"reflection reads outside bytes", "internal/jwks/set.go", imports("jwks", "encoding/json"), "must not import encoding/json"},
		{"the store knows the protocol", "store/memory.go", imports("store", module), "must not import"},
		{"go-jose outside jwe", "idtoken.go", imports("openid", gojose), "must not import " + gojose},
		{"the root links jwe", "client.go", imports("openid", module+"/jwe"), "must not import"},
		{"json beside jsontext", "idtoken.go", imports("openid", jsonv2), "must not import"},
		{"an unlisted third party in a test", "claims_test.go", imports("openid_test", "github.com/stretchr/testify"), "must not import"},
		{"floor 3 looks sideways", "loopback/login.go", imports("loopback", module+"/login"), "must not import"},
		{"templates in login", "login/page.go", imports("login", "html/template"), "must not import html/template"},
		{"product code imports the scripted provider", "client.go", imports("openid", module+"/internal/hostile"), "must not import"},
		{"a nested module enters internal", "cmd/openid/main.go", imports("main", module+"/internal/jose"), "must not import"},
		{"a nested test enters internal", "interop/login_test.go", imports("interop", module+"/internal/hostile"), "must not import"},
		{"what tests judge enters elsewhere", "interop/jose/doc.go", imports("jose", module+"/internal/jose"), "must not import"},
		{"the provider shares our code", "openidtest/keys.go", imports("openidtest", module), "must not import"},
		{"the provider's test shares our code", "openidtest/keys_test.go", imports("openidtest", module), "must not import"},
		{"the provider needs testing", "openidtest/start.go", imports("openidtest", "testing"), "must not import testing"},
		{"a module path that only starts like ours", "client.go", imports("openid", module+"-contrib/x"), "must not import"},
		{"a package nobody placed", "session/session.go", imports("session"), "give it a floor"},
		{"a module nobody placed", "saml/go.mod", "module " + module + "/saml\n", "give it a row"},
		{"a nested module that is none", "bench/race.go", imports("bench"), "must be a module of its own"},
		{"a file without a noun", "cmd/openid/util.go", imports("main"), `"util" says nothing`},
		{"half a file name without a noun", "token_helpers_test.go", imports("openid"), `"helpers" says nothing`},
		{"a package without a noun", "interop/common/x.go", imports("x"), `"common" says nothing`},
		{"the shared HTTP client", "client.go", "package openid\nimport web \"net/http\"\nvar c = web.DefaultClient\n", "http.DefaultClient is shared"},
		{"the shared HTTP client by its shortcut", "discovery.go", "package openid\nimport \"net/http\"\nvar get = http.Get\n", "http.Get is shared"},
		{"the shared HTTP client without its name", "discovery.go", "package openid\nimport . \"net/http\"\nvar get = Get\n", "bare names"},

		{"", "claims.go", imports("openid", jsonv2), ""},
		{"", "idtoken.go", imports("openid", module+"/internal/jose", module+"/store", jsontext, "net/http"), ""},
		{"", "idtoken_test.go", imports("openid_test", module, module+"/internal/hostile", module+"/login"), ""},
		{"", "login/login.go", imports("login", module, module+"/preset"), ""},
		{"", "interop/jose/wycheproof_test.go", imports("jose", module+"/internal/jose", module+"/jwe"), ""},
		{"", "store/redisstore/redis_test.go", imports("redisstore", module+"/store/storetest"), ""},
		{"", "cmd/openid/demo.go", imports("main", module, module+"/openidtest", module+"/cmd/openid/internal/page", "html/template"), ""},
	} {
		tree := fstest.MapFS{test.name: {Data: []byte(test.source)}}
		if home := nestedModule(path.Dir(test.name)); home != "" && test.want != "must be a module of its own" {
			tree[home+"/go.mod"] = &fstest.MapFile{}
		}
		faults := floorFaults(t, tree)
		if test.want == "" {
			if len(faults) != 0 {
				t.Errorf("%s is allowed, but: %q", test.name, faults)
			}
		} else if len(faults) != 1 || !strings.Contains(faults[0], test.want) {
			t.Errorf("%s: got %q, want one complaint with %q", test.lie, faults, test.want)
		}
	}
}
