package openid

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// A walk is one lie that a row must refuse, told to a client that lacks the row drop.
type walk struct {
	name, document, check string
	tell                  func(t *testing.T, drop string) error
}

// walks are the lies of all test files, by the table that refuses them.
func walks() map[string][]walk {
	all := map[string][]walk{}
	add := func(table, name, document, check string, tell func(*testing.T, string) error) {
		all[table] = append(all[table], walk{name, document, check, tell})
	}
	for _, l := range metadataLies {
		if l.check != "code_challenge_methods_supported" && l.check != "authorization_endpoint" { // of the request at hand
			add("metadata", l.name, "server metadata", l.check, l.tell)
		}
	}
	for name, move := range movedEndpoints {
		add("metadata", name, "server metadata", "moved", tellMoved(move))
	}
	for table, document := range map[string]string{"request": "server metadata", "pushed": "pushed authorization response", "jarm": "authorization response",
		"front": "front-channel ID Token", "back": "ID Token", "recent": "ID Token"} {
		for _, l := range documentLies[document] {
			add(table, l.name, document, l.check, func(t *testing.T, drop string) error { _, err := l.tell(t, document, drop); return err })
		}
	}
	for _, l := range callbackLies {
		for _, table := range []string{"callback", "response"} {
			add(table, l.name, "authorization response", l.check, func(t *testing.T, drop string) error { _, err := l.tell(t, drop); return err })
		}
	}
	for _, l := range idTokenLies {
		table, document := "idToken", "ID Token"
		if l.refresh != nil {
			table, document = "refreshed", "refreshed ID Token"
		}
		add(table, l.name, document, l.check, l.tell)
	}
	for _, l := range issuerLies {
		add("idToken", l.name, "ID Token", l.check, l.tell)
	}
	for table, document := range map[string]string{"idToken": "ID Token", "jarm": "authorization response", "userInfoJWT": "UserInfo", "introspectionJWT": "introspection response"} {
		add(table, "the key of another issuer", document, "key issuer", tellForeignKey(table))
	}
	for _, l := range accessTokenLies {
		add("accessToken", l.name, "access token", l.check, l.tell)
	}
	for _, l := range tokenResponseLies {
		add("token", l.name, "token response", l.check, toldBy(func(p *hostile.Provider) { p.TokenResponse = l.lie }, func(*testing.T, *Client, *Tokens) error { return nil }))
	}
	for _, l := range signedUserInfoLies {
		for _, table := range []string{"userInfoJWT", "userInfo"} {
			add(table, l.name, "UserInfo", l.check, l.tell)
		}
	}
	for _, check := range []string{"request", "state", "age"} {
		add("logout", check, "logout response", check, tellLogout(check))
	}
	for _, l := range deviceLies {
		add("device", l.name, "device authorization response", l.check, tellDevice(func(p *hostile.Provider) { p.Decision.Device = responseMember(l.member, l.value) }))
	}
	add("device", "status 201", "device authorization response", "status", tellDevice(func(p *hostile.Provider) {
		p.Serve("device_authorization", hostile.Status(201, "application/json", `{"device_code":"a"}`))
	}))
	for _, l := range backchannelLies {
		add("backchannel", l.name, "backchannel authentication response", l.check, tellBackchannel(func(p *hostile.Provider) { p.Decision.Backchannel = responseMember(l.member, l.value) }))
	}
	add("backchannel", "status 202", "backchannel authentication response", "status", tellBackchannel(func(p *hostile.Provider) {
		p.Serve("backchannel_authentication", hostile.Status(202, "application/json", `{"auth_req_id":"a"}`))
	}))
	introspect := func(t *testing.T, c *Client, tokens *Tokens) error {
		_, err := c.Introspect(t.Context(), tokens.AccessToken)
		return err
	}
	for _, l := range introspectionLies {
		add("introspection", l.name, "introspection response", l.check, toldBy(func(p *hostile.Provider) { p.Introspection = l.lie }, introspect))
	}
	for _, l := range introspectionJWTLies {
		add("introspectionJWT", l.name, "introspection response", l.check, toldBy(func(p *hostile.Provider) { p.IntrospectionJWT = l.lie }, introspect))
	}
	for _, l := range registrationLies {
		add("registration", l.name, "client registration", l.check, l.tell)
	}
	for _, l := range managedLies {
		add("registration", l.name+" at a change", "client registration", l.check, l.tellManaged)
	}
	for _, l := range logoutLies {
		add("logoutToken", l.name, "logout token", l.check, l.tell)
	}
	for _, l := range logoutRequestLies {
		add("backchannelLogout", l.name, "back-channel logout request", l.check, func(t *testing.T, drop string) error {
			p := hostile.New(t)
			return tellLogoutRequest(t, newTestClient(t, p), l.twist(p.BackchannelLogout(backchannelURI)), drop)
		})
	}
	for i, l := range frontchannelLies {
		add("frontchannelLogout", l.name, "front-channel logout request", l.check, func(t *testing.T, drop string) error { return tellFrontchannel(t, i, drop) })
	}
	for _, l := range webFingerLies {
		add("webFinger", l.name, "WebFinger response", l.check, tellWebFinger(l.lie, l.allow))
	}
	for _, l := range resourceLies {
		add(map[string]string{"challenge": "resourcePointer", "resource metadata": "resourceMetadata"}[l.judged()], l.name, l.judged(), l.check, l.tell)
	}
	for _, l := range signedMetadataLies {
		add("signedMetadata", l.name, "signed metadata", l.check, l.tell)
	}
	for table, lies := range cibaLies {
		for _, l := range lies {
			document := "backchannel authentication request"
			if table == "cibaIDToken" {
				document = "ID Token"
			}
			add(table, l.name, document, l.check, l.tell)
		}
	}
	for table, document := range map[string]string{"claimReferences": "claim sources", "claimReference": "claim source", "claimJWT": "sourced claims"} {
		for _, l := range claimLies[document] {
			add(table, l.name, document, l.check, l.tell)
		}
	}
	for i, l := range frameLies {
		add("sessionFrame", l.name, "session frame", l.check, func(t *testing.T, drop string) error { return tellFrame(t, i, drop) })
	}
	for i, l := range initiationLies {
		add("initiation", l.name, "login initiation", l.check, func(t *testing.T, drop string) error { return tellInitiation(t, i, drop) })
	}
	add("initiation", "a PUT", "login initiation", "request", tellInitiationRequest)
	return all
}

// everyTable is allTables, and those that are linked only where they are used.
func everyTable() map[string]reflect.Value {
	all := map[string]reflect.Value{
		"registration":       reflect.ValueOf(registrationChecks),
		"accessToken":        reflect.ValueOf(slices.Concat(signedChecks, accessTokenChecks)),
		"logoutToken":        reflect.ValueOf(logoutTokenChecks()),
		"backchannelLogout":  reflect.ValueOf(backchannelLogoutChecks),
		"frontchannelLogout": reflect.ValueOf(frontchannelLogoutChecks),
		"webFinger":          reflect.ValueOf(webFingerChecks),
		"signedMetadata":     reflect.ValueOf(signedMetadataChecks()),
		"resourcePointer":    reflect.ValueOf(resourcePointerChecks),
		"resourceMetadata":   reflect.ValueOf(resourceMetadataChecks),
		"claimReferences":    reflect.ValueOf(claimReferencesChecks),
		"claimReference":     reflect.ValueOf(claimReferenceChecks),
		"claimJWT":           reflect.ValueOf(newClaimResolver(nil).jwt),
		"cibaSupport":        reflect.ValueOf(cibaSupportChecks),
		"fapiCIBA":           reflect.ValueOf(fapiCIBAChecks),
		"cibaIDToken":        reflect.ValueOf(cibaIDTokenChecks),
		"initiation":         reflect.ValueOf(initiationChecks),
		"sessionFrame":       reflect.ValueOf(sessionFrameChecks),
	}
	tables := reflect.ValueOf(wholeTables(allTables))
	for i := range tables.NumField() {
		all[tables.Type().Field(i).Name] = tables.Field(i)
	}
	return all
}

// unreachable are rows that a table has for its kind's sake, with the reason why nothing gets that far.
var unreachable = map[string]map[string]string{
	"jarm": {
		"encryption": "the callback has decrypted it before, to find the login",
		"payload":    "the callback has read it before, with the same reader",
	},
}

// TestEveryRowBites walks all tables that there are, drops each row, and wants the lie that it refuses to get past it. A new table, or a
// new row, for which nobody tells a lie is a failure.
func TestEveryRowBites(t *testing.T) {
	told, tables := walks(), everyTable()
	for _, table := range slices.Sorted(maps.Keys(tables)) {
		if tables[table].Len() == 0 {
			t.Errorf("the table %s has no rows: is it missing in allTables?", table)
		}
		for _, row := range rowNames(tables[table]) {
			lies := slices.DeleteFunc(slices.Clone(told[table]), func(w walk) bool { return w.check != row })
			if why := unreachable[table][row]; why != "" {
				if len(lies) != 0 {
					t.Errorf("%s: %q is refused although %s", table, row, why)
				}
				continue
			}
			if len(lies) == 0 {
				t.Errorf("no lie is refused by %q of the table %s", row, table)
			}
			for _, w := range lies {
				t.Run(table+"/"+row+"/"+w.name, func(t *testing.T) {
					if err := w.tell(t, ""); !w.refused(err) {
						t.Errorf("refused by %v, want %s: %s", err, w.document, row)
					}
					if err := w.tell(t, row); w.refused(err) {
						t.Errorf("still refused without its row: %v", err)
					}
				})
			}
		}
	}
	for _, table := range slices.Sorted(maps.Keys(told)) {
		if !tables[table].IsValid() {
			t.Errorf("lies are told to %s, which is no table", table)
		}
	}
}

func (w walk) refused(err error) bool {
	var v *VerificationError
	return errors.As(err, &v) && v.Document == w.document && v.Check == w.check
}

func rowNames(rows reflect.Value) (names []string) {
	for i := range rows.Len() {
		names = append(names, rows.Index(i).FieldByName("name").String())
	}
	return names
}

// TestEveryRowSpeaks: who listens hears of each row what was expected, what came and where that is written, also where it passed; of the one that
// refused, why; and never a secret.
func TestEveryRowSpeaks(t *testing.T) {
	var heard []Event
	var mu sync.Mutex
	listener = func(_ context.Context, e Event) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, e)
	}
	defer func() { listener = nil }()
	spoken := map[string]bool{}
	tables := everyTable()
	for table, list := range walks() {
		for _, w := range list {
			if !slices.Contains(rowNames(tables[table]), w.check) {
				continue // refused elsewhere
			}
			heard = nil
			err := w.tell(t, "")
			refused := false
			for _, e := range heard {
				if e.Kind != EventCheck {
					continue
				}
				spoken[e.Document+"/"+e.Name] = true
				if e.Expected == "" || e.Got == "" || e.Spec == "" {
					t.Errorf("%s, %s: %s %s says %q, %q, %q", table, w.name, e.Document, e.Name, e.Expected, e.Got, e.Spec)
				}
				if strings.Contains(fmt.Sprintf("%+v %v", e, e.Err), hostile.Canary) {
					t.Errorf("%s, %s: %s %s shows a secret", table, w.name, e.Document, e.Name)
				}
				refused = refused || w.refused(e.Err)
			}
			if !w.refused(err) || !refused {
				t.Errorf("%s, %s: nobody heard of %v", table, w.name, err)
			}
		}
	}
	if len(spoken) < 100 {
		t.Errorf("only %d rows were heard of", len(spoken))
	}
}

// TestRowsAreWellFormed: within a table no name stands twice, and each rule says where it is written.
func TestRowsAreWellFormed(t *testing.T) {
	for table, rows := range everyTable() {
		seen := map[string]bool{}
		for j, name := range rowNames(rows) {
			if name == "" || seen[name] {
				t.Errorf("%s: the name %q is empty or stands twice", table, name)
			}
			if seen[name] = true; rows.Index(j).FieldByName("spec").String() == "" {
				t.Errorf("%s: %q does not say where the rule stands", table, name)
			}
			// The tests rely on it: a row that is dropped is dropped everywhere.
			c := &Client{rows: allTables}
			c.without(name)
			left := reflect.ValueOf(c.rows)
			for k := range left.NumField() {
				if slices.Contains(rowNames(left.Field(k)), name) {
					t.Errorf("without(%q) leaves it in the table %s", name, left.Type().Field(k).Name)
				}
			}
		}
	}
}

// toldBy plays an honest login but for the script, and what follows it.
func toldBy(script func(*hostile.Provider), end func(*testing.T, *Client, *Tokens) error) func(*testing.T, string) error {
	return func(t *testing.T, drop string) error {
		t.Helper()
		p := hostile.New(t)
		c := newTestClient(t, p)
		c.without(drop)
		script(p)
		tokens, err := logIn(t, c, p)
		if err != nil {
			return err
		}
		return end(t, c, tokens)
	}
}

// movedEndpoints are what a renewal of metadata must not bring.
var movedEndpoints = map[string]func(*ServerMetadata){
	"another host":        func(m *ServerMetadata) { m.TokenEndpoint = "https://evil.example/token" },
	"another port":        func(m *ServerMetadata) { m.JWKSURI = "https://op.example:8443/t/jwks" },
	"another scheme":      func(m *ServerMetadata) { m.TokenEndpoint = "http://127.0.0.1/token" },
	"a new one elsewhere": func(m *ServerMetadata) { m.PushedAuthorizationRequestEndpoint = "https://evil.example/par" },
}

func tellMoved(move func(*ServerMetadata)) func(*testing.T, string) error {
	return func(t *testing.T, drop string) error {
		p := hostile.New(t)
		p.Metadata = func(m map[string]any) { delete(m, "pushed_authorization_request_endpoint") }
		c := newTestClient(t, p, func(cfg *Config) { cfg.InsecureAllowHTTP = true })
		m, err := c.Metadata(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.without(drop)
		move(m)
		_, err = c.newServer(t.Context(), m, c.server.Load())
		return err
	}
}

func tellLogout(check string) func(*testing.T, string) error {
	return func(t *testing.T, drop string) error {
		p := hostile.New(t)
		c := newTestClient(t, p)
		c.without(drop)
		_, tx, err := c.LogoutURL(t.Context(), nil, "https://app.example/bye")
		if err != nil {
			t.Fatal(err)
		}
		opened, _ := c.openTransaction(tx)
		r := httpGet("https://app.example/bye?state=" + opened.state)
		switch check {
		case "request":
			r = post("", url.Values{"state": {opened.state}})
		case "state":
			r = httpGet("https://app.example/bye?state=other")
		case "age":
			opened.created = opened.created.Add(-2 * transactionLifetime)
			if tx, err = c.sealTransaction(opened); err != nil {
				t.Fatal(err)
			}
		}
		return c.LogoutCallback(t.Context(), r, tx)
	}
}

func tellDevice(script func(*hostile.Provider)) func(*testing.T, string) error {
	return func(t *testing.T, drop string) error {
		p := hostile.New(t)
		c := newTestClient(t, p)
		c.without(drop)
		script(p)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := c.Tokens(ctx, Device{Show: func(DevicePrompt) { cancel() }})
		return err
	}
}

func tellBackchannel(script func(*hostile.Provider)) func(*testing.T, string) error {
	return func(t *testing.T, drop string) (err error) {
		synctest.Test(t, func(t *testing.T) {
			p := hostile.Pipe(t)
			c := newTestClient(t, p)
			c.without(drop)
			script(p)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err = c.Tokens(ctx, CIBA{LoginHint: "alice"})
		})
		return err
	}
}
