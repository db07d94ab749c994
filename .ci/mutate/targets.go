package main

// The code that judges what comes from outside. Tests that take long are left out where faster ones stand beside the code, so that fewer
// mutants are killed than could be.
var targets = []target{
	{dir: "internal/strict", texts: []string{"Error"}},
	{dir: "internal/jose", texts: []string{"Error", "quote"}},
	{dir: "internal/jwks", texts: []string{"Error", "nextFetch"}},
	{dir: ".", files: []string{"idtoken.go", "idtokenchecks.go", "timechecks.go", "callback.go", "authorizationresponse.go", "jarm.go", "logout.go",
		"logoutcallback.go", "logouttoken.go"},
		texts: []string{"nonceStory", "hashStory", "same", "clock", "date", "shown", "audiences", "came", "times", "state", "content", "wanted", "has",
			"saysExp", "saysExpIfAny", "saysIat", "saysIatIfAny", "saysNbfIfAny", "saysNotOld"},
		slow: "TestConformance|TestMemoryIsFlat|TestSessionFrameInChromium|TestEveryRowBites|TestEveryClauseBites|TestEveryRowSpeaks|TestFaults|TestBadSignatureFlood|TestKeyServerDown"},
}
