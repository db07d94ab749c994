package openidtest_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/openid-client/openid/openidtest"
)

const cibaGrant = "urn:openid:params:grant-type:ciba"

func cibaClient(metadata map[string]any) []openidtest.Client {
	return []openidtest.Client{{ID: "till", Name: "The Till", Secret: secret, GrantTypes: []string{cibaGrant, "refresh_token"}, Metadata: metadata}}
}

var polling = map[string]any{"backchannel_token_delivery_mode": "poll"}

func (c *rp) beginBackchannel(form url.Values) answer {
	form = maps.Clone(form)
	if !form.Has("scope") {
		form.Set("scope", "openid email")
	}
	return c.post("/bc-authorize", form)
}

func (c *rp) pollBackchannel(began answer) answer {
	return c.token(url.Values{"grant_type": {cibaGrant}, "auth_req_id": {began.doc["auth_req_id"].(string)}})
}

// decide answers what waits for the user of b, who may have to log in first.
func (b *browser) decide(how url.Values) stop {
	b.t.Helper()
	page := b.open(b.op.Issuer() + "/backchannel")
	if strings.Contains(page.body, `name="username"`) {
		page = b.answer(page, alice)
	}
	return b.decideOn(page, how)
}

func (b *browser) decideOn(page stop, how url.Values) stop {
	b.t.Helper()
	form := maps.Clone(how)
	for _, f := range formInput.FindAllStringSubmatch(page.body, -1) {
		form.Set(f[1], f[2])
	}
	return b.answer(page, form)
}

func TestBackchannel(t *testing.T) {
	op := start(t, openidtest.Config{Clients: cibaClient(polling)})
	till, user := newRP(t, op, "till"), newBrowser(t, op)
	began := till.beginBackchannel(url.Values{"login_hint": {"alice"}, "binding_message": {"W4SCT"}}).ok(t)
	till.pollBackchannel(began).refused(t, 400, "authorization_pending")
	till.pollBackchannel(began).refused(t, 400, "slow_down")

	login := user.open(op.Issuer() + "/backchannel")
	if wrong := user.answer(login, url.Values{"username": {"alice"}, "password": {"wrong"}}); wrong.status != 403 {
		t.Errorf("a wrong password: %d %s", wrong.status, wrong.body)
	}
	consent := user.answer(login, alice)
	for _, want := range []string{"The Till", "W4SCT", "See your email address"} {
		if !strings.Contains(consent.body, want) {
			t.Errorf("the page lacks %s: %s", want, consent.body)
		}
	}
	user.decideOn(consent, allow)
	tokens := till.pollBackchannel(began).ok(t)
	if _, claims := till.claims(tokens.doc["id_token"]); claims["sub"] != "alice" || claims["auth_time"] == nil {
		t.Errorf("got %v", claims)
	}
	if page := user.open(op.Issuer() + "/backchannel"); !strings.Contains(page.body, "Nothing waits") {
		t.Errorf("what was decided is asked again: %s", page.body)
	}
	till.pollBackchannel(began).refused(t, 400, "invalid_grant")

	again := till.beginBackchannel(url.Values{"id_token_hint": {tokens.doc["id_token"].(string)}}).ok(t)
	user.decide(deny)
	till.pollBackchannel(again).refused(t, 400, "access_denied")
}

func TestBackchannelIsRefused(t *testing.T) {
	op := start(t, openidtest.Config{Clients: append(cibaClient(polling), openidtest.Client{ID: "app", Secret: secret, RedirectURIs: []string{callback}})})
	till := newRP(t, op, "till")
	till.beginBackchannel(url.Values{"login_hint": {"nobody"}}).refused(t, 400, "unknown_user_id")
	till.beginBackchannel(url.Values{}).refused(t, 400, "invalid_request")
	newRP(t, op, "app").beginBackchannel(url.Values{"login_hint": {"alice"}}).refused(t, 400, "unauthorized_client")

	// What waits for one user is none of another's business.
	began := till.beginBackchannel(url.Values{"login_hint": {"bob"}}).ok(t)
	user := newBrowser(t, op)
	page := user.answer(user.open(op.Issuer()+"/backchannel"), alice)
	if !strings.Contains(page.body, "Nothing waits") {
		t.Errorf("alice sees %s", page.body)
	}
	resp, err := user.hc.PostForm(op.Issuer()+"/backchannel", url.Values{"id": {began.doc["auth_req_id"].(string)}, "action": {"allow"}})
	user.arrive(resp, err)
	till.pollBackchannel(began).refused(t, 400, "authorization_pending")
}

func TestBackchannelPing(t *testing.T) {
	heard := make(chan string, 1)
	client := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var said struct {
			ID string `json:"auth_req_id"`
		}
		_ = json.NewDecoder(r.Body).Decode(&said)
		heard <- r.Header.Get("Authorization") + " " + said.ID
		w.WriteHeader(http.StatusNoContent)
	}))
	defer client.Close()
	op := start(t, openidtest.Config{AutoApprove: "alice", Clients: cibaClient(map[string]any{
		"backchannel_token_delivery_mode": "ping", "backchannel_client_notification_endpoint": client.URL})})
	till := newRP(t, op, "till")
	till.beginBackchannel(url.Values{"login_hint": {"alice"}}).refused(t, 400, "invalid_request")
	began := till.beginBackchannel(url.Values{"login_hint": {"alice"}, "client_notification_token": {"the token"}}).ok(t)
	if got, want := <-heard, "Bearer the token "+began.doc["auth_req_id"].(string); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	till.pollBackchannel(began).ok(t)
}
