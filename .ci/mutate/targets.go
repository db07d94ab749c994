package main

// The code that judges what comes from outside.
var targets = []target{
	{dir: "internal/strict", texts: []string{"Error"}},
	{dir: "internal/jose", texts: []string{"Error", "quote"}},
	{dir: "internal/jwks", texts: []string{"Error", "nextFetch"}},
	{dir: ".", files: []string{"idtoken.go", "idtokenchecks.go", "timechecks.go", "callback.go", "authorizationresponse.go", "jarm.go", "logout.go",
		"logoutcallback.go", "logouttoken.go"},
		texts: []string{"nonceStory", "hashStory", "same", "clock", "date", "shown", "audiences", "came", "times", "state", "content", "wanted", "has",
			"saysExp", "saysExpIfAny", "saysIat", "saysIatIfAny", "saysNbfIfAny", "saysNotOld"},
		// Nearly every test of this package logs somebody in. These are about what is changed; the others would notice more.
		tests: []string{"backchannellogout_test.go", "callback_test.go", "cibachecks_test.go", "ciba_test.go", "client_test.go", "documents_test.go", "fapi_test.go", "flows_test.go", "idtoken_test.go", "issuer_test.go",
			"jwt_test.go", "logout_test.go", "parsers_test.go", "provenance_test.go", "refresh_test.go", "secret_test.go", "userinfo_test.go", "verify_test.go"}},
}
