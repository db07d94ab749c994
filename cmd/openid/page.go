package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/openidtest"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(pageCSS) },
	"took":  took,
	"title": func(step string) string { return stepTitles[step] },
}).Parse(pageHTML))

var stepTitles = map[string]string{stepLogin: "Login", stepCallback: "Callback", stepUserInfo: "UserInfo", stepRefresh: "Refresh", stepLogout: "Logout"}

// A view is what the page shows.
type view struct {
	Base, Issuer string
	Lie          *lieView // nil on the honest page
	Lies         []lieGroup
	Users        []openidtest.User
	Login        *loginView
	Failed       *failedView
	Notice       string
	Steps        []stepView
}

// Short leaves out the provider's address, which the page shows once.
func (v view) Short(s string) string { return strings.Replace(s, v.Issuer, "", 1) }

type lieView struct{ Name, Falsifies, Why string }

type lieGroup struct {
	Title string
	Lies  []lieView
}

type loginView struct {
	Name, Initial, Email, Subject string
	Tokens                        []tokenView
	Claims, Info                  []claim
	Rotated                       bool
	LieWaits                      bool // the lie of this application is told at the next refresh
}

type failedView struct {
	Step string
	*refusal
}

// show is the one page that an application has. Tokens that have run out are refreshed for it, which is a step of its own.
func (st *stage) show(w http.ResponseWriter, r *http.Request, a *app, l *lie) {
	seat := a.audience.of(r)
	if seat != nil {
		r = r.WithContext(seat.during(r.Context(), stepRefresh))
	}
	who, err := a.person(r)
	if err != nil {
		fail(r.Context(), err)
	}
	v := view{Base: a.base, Issuer: st.provider.Issuer(), Users: st.users, Steps: steps(seat.entries())}
	if l != nil {
		v.Lie = l.view()
	} else {
		v.Lies = lieGroups()
	}
	if failed := seat.failure(); failed != nil {
		v.Failed = &failedView{failed.step, explain(failed.err)}
		v.Steps = fails(v.Steps, failed.step)
	}
	switch {
	case who != nil:
		v.Login = who.view(time.Now())
		v.Login.LieWaits = l != nil && l.from == refreshAnswer && v.Failed == nil
	case seat.loggedOut():
		v.Notice = "You are logged out, here and at the provider."
	}
	var page strings.Builder
	if err := pageTemplate.Execute(&page, v); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, page.String())
}

func (l *lie) view() *lieView {
	return &lieView{l.name, l.falsifies, l.why}
}

// lieGroups sorts the lies by where they are told.
func lieGroups() []lieGroup {
	titles := []string{"Metadata", "Callback", "Token response", "ID Token", "UserInfo", "Refresh"}
	groups := make([]lieGroup, len(titles))
	for i, t := range titles {
		groups[i].Title = t
	}
	for _, l := range lies {
		i := 1
		switch {
		case l.from == metadataAnswer:
			i = 0
		case l.from == tokenAnswer && l.token == nil:
			i = 2
		case l.from == tokenAnswer:
			i = 3
		case l.from == userInfoAnswer:
			i = 4
		case l.from == refreshAnswer:
			i = 5
		}
		groups[i].Lies = append(groups[i].Lies, *l.view())
	}
	return groups
}

func (p *person) view(now time.Time) *loginView {
	v := &loginView{Subject: p.tokens.IDToken.Subject(), Tokens: p.facts(now), Claims: claims(p.tokens.IDToken, now), Info: claims(p.info, now),
		Rotated: p.rotations > 0}
	who, _ := openid.Claims[struct { // without a name, the subject is shown
		Name  string `json:"name"`
		Email string `json:"email"`
	}](p.info)
	v.Name, v.Email = who.Name, who.Email
	if v.Name == "" {
		v.Name = v.Subject
	}
	v.Initial = string([]rune(v.Name)[:1])
	return v
}
