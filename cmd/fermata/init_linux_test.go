package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fermata/internal/screen/screentest"
)

func TestOnATerminalInitAsksAndTheSecretIsNotShown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "fermata.yaml")
	terminal, ended := screentest.Open(t, 160, 24), make(chan int, 1)
	go func() {
		ended <- run(t.Context(), []string{"init", "-c", file}, terminal.TTY, terminal.TTY, terminal.TTY)
	}()
	for _, step := range []struct{ question, answer string }{
		{"Domains for wss://, for which Let's Encrypt issues certificates (you accept its terms), or nothing:", ""},
		{"Certificate for wss://", ""},
		{"Where clients come in [:80]", "127.0.0.1:7000"},
		{"Reverb's nodes", "http://10.0.1.10:8080 http://10.0.1.11:8080"},
		{"REVERB_APP_ID", "4711"},
		{"REVERB_APP_KEY:", "appkey"},
		{"REVERB_APP_SECRET (not shown)", "geheim"},
	} {
		terminal.Wait(step.question)
		terminal.Type(step.answer + "\n")
	}
	if code := <-ended; code != exitDone {
		t.Fatalf("got exit %d, want 0", code)
	}
	terminal.Wait("is written. Next:", "fermata check -c")
	terminal.WaitGone("geheim")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"127.0.0.1:7000", "http://10.0.1.11:8080", `secret: "geheim"`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("got no %s in\n%s", part, text)
		}
	}
}

func TestOnATerminalInitOffersTheApplicationsDomain(t *testing.T) {
	env, file := inFolder(t)
	terminal, ended := screentest.Open(t, 200, 24), make(chan int, 1)
	go func() {
		ended <- run(t.Context(), []string{"init", "-c", file, "--env", env}, terminal.TTY, terminal.TTY, terminal.TTY)
	}()
	for _, step := range []struct{ question, answer string }{
		{"(you accept its terms), or - for none [ws.example.com]", "*.example.com"},
		{`got the wildcard "*.example.com"`, ""},
		{"Address to which Let's Encrypt may write", "nobody"},
		{`got "nobody", want an address`, "ops@example.com"},
		{"Where clients come in [:443]", ""},
		{"Reverb's nodes, their URLs with spaces between [http://127.0.0.1:8081]", ""},
	} {
		terminal.Wait(step.question)
		terminal.Type(step.answer + "\n")
	}
	if code := <-ended; code != exitDone {
		t.Fatalf("got exit %d, want 0", code)
	}
	text, _ := os.ReadFile(file)
	for _, part := range []string{`domains: ["ws.example.com"]`, `email: "ops@example.com"`, `address: ":80"`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("got no %s in\n%s", part, text)
		}
	}
}

func TestOnATerminalADomainCanBeDeclined(t *testing.T) {
	env, file := inFolder(t)
	terminal, ended := screentest.Open(t, 200, 24), make(chan int, 1)
	go func() {
		ended <- run(t.Context(), []string{"init", "-c", file, "--env", env}, terminal.TTY, terminal.TTY, terminal.TTY)
	}()
	for _, step := range []struct{ question, answer string }{
		{"Domains for wss://", "-"},
		{"Certificate for wss://", ""},
		{"Where clients come in [:80]", ""},
		{"Reverb's nodes", ""},
	} {
		terminal.Wait(step.question)
		terminal.Type(step.answer + "\n")
	}
	if code := <-ended; code != exitDone {
		t.Fatalf("got exit %d, want 0", code)
	}
	if text, _ := os.ReadFile(file); strings.Contains(string(text), "tls:") {
		t.Errorf("got\n%s\nwant no TLS", text)
	}
}
