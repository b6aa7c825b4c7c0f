package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\]\(([^)#:]*)(#[^)]*)?\)`)

// A link to the net has a colon, and is not looked at.
func TestEveryLinkInTheDocumentationLeadsSomewhere(t *testing.T) {
	count := 0
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		files, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			for _, match := range link.FindAllStringSubmatch(withoutBlocks(contents(t, file)), -1) {
				count++
				wantTarget(t, file, match[1], match[2])
			}
		}
	}
	if count < 50 {
		t.Errorf("got %d links, want all of them (50 or more)", count)
	}
}

// wantTarget looks for the page, or for another file, and for the heading in it.
func wantTarget(t *testing.T, file, page, heading string) {
	t.Helper()
	target := file
	if page != "" {
		target = filepath.Join(filepath.Dir(file), page)
	}
	if _, err := os.Stat(target); err != nil {
		t.Errorf("%s: got a link to %s, want a file that is there", file, page)
		return
	}
	if heading != "" && !hasHeading(contents(t, target), heading) {
		t.Errorf("%s: got a link to %s%s, want a heading that is there", file, page, heading)
	}
}

func contents(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hasHeading is whether a heading has that anchor, as GitHub makes them.
func hasHeading(text, anchor string) bool {
	for _, match := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(withoutBlocks(text), -1) {
		name := regexp.MustCompile(`[^\pL\pN _-]`).ReplaceAllString(strings.ToLower(match[1]), "")
		if "#"+strings.ReplaceAll(name, " ", "-") == anchor {
			return true
		}
	}
	return false
}
