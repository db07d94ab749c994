package main

import (
	"fmt"
	"os"
	"testing"
)

func TestBrowserCommands(t *testing.T) {
	for _, c := range []struct {
		name, goos string
		env        map[string]string
		want       string
	}{
		{"nothing there", "linux", nil, "[]"},
		{"a screen", "linux", map[string]string{"DISPLAY": ":0"}, "[[xdg-open] [wslview]]"},
		{"Wayland", "linux", map[string]string{"WAYLAND_DISPLAY": "wayland-0"}, "[[xdg-open] [wslview]]"},
		{"the user's choice first", "linux", map[string]string{"BROWSER": "firefox --private-window" + string(os.PathListSeparator) + "w3m", "DISPLAY": ":0"},
			"[[firefox --private-window] [w3m] [xdg-open] [wslview]]"},
		{"macOS", "darwin", nil, "[[open]]"},
		{"Windows", "windows", nil, "[[rundll32 url.dll,FileProtocolHandler]]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fmt.Sprint(browserCommands(c.goos, func(name string) string { return c.env[name] })); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
