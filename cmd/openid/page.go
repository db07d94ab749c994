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

func (st *stage) show(w http.ResponseWriter, a *app, l *lie, s *session) {
	v := view{Base: a.base, Issuer: st.provider.Issuer(), Users: st.users, Notice: s.notice, Steps: steps(s.timeline.all())}
	if l != nil {
		v.Lie = l.view()
	} else {
		v.Lies = lieGroups()
	}
	if s.failed != nil {
		v.Failed = &failedView{s.failed.step, explain(s.failed.err)}
		v.Steps = fail(v.Steps, s.failed.step)
	}
	if s.login != nil {
		v.Login = s.login.view(time.Now())
		v.Login.LieWaits = l != nil && l.from == refreshAnswer && v.Failed == nil
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

func (l *login) view(now time.Time) *loginView {
	v := &loginView{Subject: l.tokens.IDToken.Subject(), Tokens: l.facts(now), Claims: claims(l.tokens.IDToken, now), Info: claims(l.info, now),
		Rotated: l.rotations > 0}
	who, _ := openid.Claims[struct { // without a name, the subject is shown
		Name  string `json:"name"`
		Email string `json:"email"`
	}](l.info)
	v.Name, v.Email = who.Name, who.Email
	if v.Name == "" {
		v.Name = v.Subject
	}
	v.Initial = string([]rune(v.Name)[:1])
	return v
}
