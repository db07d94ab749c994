package main

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// openBrowser starts the user's browser and reports whether there is one. It honours $BROWSER as xdg-open does, without a shell.
func openBrowser(url string) bool {
	for _, command := range browserCommands(runtime.GOOS, os.Getenv) {
		cmd := exec.Command(command[0], append(command[1:], url)...)
		if cmd.Start() == nil {
			go cmd.Wait() // nobody waits for a browser, but its process table entry
			return true
		}
	}
	return false
}

// browserCommands lists what may open a URL, best first.
func browserCommands(goos string, getenv func(string) string) (commands [][]string) {
	for _, c := range strings.Split(getenv("BROWSER"), string(os.PathListSeparator)) {
		if words := strings.Fields(c); len(words) > 0 {
			commands = append(commands, words)
		}
	}
	switch {
	case goos == "darwin":
		return append(commands, []string{"open"})
	case goos == "windows":
		return append(commands, []string{"rundll32", "url.dll,FileProtocolHandler"})
	case getenv("DISPLAY") == "" && getenv("WAYLAND_DISPLAY") == "" && getenv("WSL_DISTRO_NAME") == "":
		return commands // no screen
	}
	return append(commands, []string{"xdg-open"}, []string{"wslview"})
}
