package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestEveryCommandLineInTheDocumentationIsUnderstood(t *testing.T) {
	lines := documentedLines(t)
	if len(lines) < 50 {
		t.Errorf("got %d command lines, want all of them (50 or more)", len(lines))
	}
	for _, line := range lines {
		if err := understand(line.words); err != nil {
			t.Errorf("%s: fermata %s: got %v, want a command line that is understood", line.file, strings.Join(line.words, " "), err)
		}
		if smokesWithoutKey(line) {
			t.Errorf("%s: fermata %s: got no app key, want --key, or FERMATA_SMOKE_KEY beside it", line.file, strings.Join(line.words, " "))
		}
	}
}

func TestEveryFlagNamedInTheDocumentationExists(t *testing.T) {
	known := allFlags(newRoot())
	foreign := []string{"--init", "--network", "--scale", "--stop-timeout", "--ulimit"} // docker's
	for file, text := range documents(t) {
		for _, span := range inlineCode.FindAllStringSubmatch(withoutBlocks(text), -1) {
			for _, flag := range regexp.MustCompile(`^--[a-z-]+`).FindAllString(span[1], -1) {
				if !known[flag] && !slices.Contains(foreign, flag) {
					t.Errorf("%s: got `%s`, want a flag that there is", file, span[1])
				}
			}
		}
	}
}

// documentedLine is one command line of ours, without its first word.
type documentedLine struct {
	file  string
	words []string
	block string // what stands around it
}

var (
	inlineCode = regexp.MustCompile("`([^`\n]+(?:\n[^`\n]+)?)`")
	codeBlock  = regexp.MustCompile("(?ms)^ *```[a-z]*\n(.*?)^ *```$")
)

// documents are the texts that show command lines, by name.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	for _, pattern := range []string{"README.md", "docs/*.md", "packaging/*", "packaging/scripts/*"} {
		files, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: got %v and %v, want files", pattern, files, err)
		}
		for _, file := range slices.DeleteFunc(files, isFolder) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[strings.TrimPrefix(file, "../../")] = string(text)
		}
	}
	return texts
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// withoutBlocks is the prose, with its inline code.
func withoutBlocks(text string) string { return codeBlock.ReplaceAllString(text, "") }

// documentedLines are the command lines in the documents and in the help.
func documentedLines(t *testing.T) (all []documentedLine) {
	t.Helper()
	for file, text := range documents(t) {
		if filepath.Ext(file) != ".md" {
			all = append(all, linesIn(file, text)...)
			continue
		}
		for _, block := range codeBlock.FindAllStringSubmatch(text, -1) {
			all = append(all, linesIn(file, block[1])...)
		}
		for _, span := range inlineCode.FindAllStringSubmatch(withoutBlocks(text), -1) {
			all = append(all, linesIn(file, strings.ReplaceAll(span[1], "\n", " "))...)
		}
	}
	for _, cmd := range newRoot().Commands() {
		all = append(all, linesIn("fermata "+cmd.Name()+" --help", cmd.Example)...)
	}
	// Inline, a command may be named without what it needs.
	return slices.DeleteFunc(all, func(l documentedLine) bool { return len(l.words) == 1 && l.block == "fermata "+l.words[0] })
}

// linesIn finds the command lines in a script, those within quotes too.
func linesIn(file, script string) (all []documentedLine) {
	for _, words := range shellCommands(script) {
		for i, word := range words {
			if strings.Contains(word, "fermata ") {
				all = append(all, linesIn(file, word)...)
			}
			if isOurs(words, i) {
				all = append(all, documentedLine{file, words[i+1:], script})
			}
		}
	}
	return all
}

var program = regexp.MustCompile(`^(.*/)?fermata$`)

// isOurs is whether a command line of Fermata begins at that word: not where it
// is a user, a directory, or the value of an option.
func isOurs(words []string, i int) bool {
	return program.MatchString(words[i]) && i+1 < len(words) && regexp.MustCompile(`^[a-z]+$`).MatchString(words[i+1]) &&
		words[i+1] != "fermata" && (i == 0 || words[i-1] == "--" || !strings.HasPrefix(words[i-1], "-"))
}

// shellCommands are the words of each command of a script, as far as the
// documentation uses the shell's language.
func shellCommands(script string) (all [][]string) {
	var words []string
	var word strings.Builder
	quote, begun := rune(0), false
	endWord := func() {
		if begun {
			words = append(words, word.String())
		}
		word.Reset()
		begun = false
	}
	endCommand := func() {
		endWord()
		all, words = append(all, words), nil
	}
	comment := false
	for _, c := range strings.ReplaceAll(script, "\\\n", " ") {
		switch {
		case comment && c != '\n':
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, begun = c, true
		case c == '#' && !begun:
			comment = true
		case strings.ContainsRune("\n;|&,", c):
			comment = false
			endCommand()
		case c == ' ' || c == '\t':
			endWord()
		default:
			begun = true
			word.WriteRune(c)
		}
	}
	endCommand()
	return all
}

// stands are values for what documents put into a usage line.
var stands = map[string]string{"SHELL": "bash", "URL...": "wss://ws.example.com", "D": "1s", "N": "1"}

// understand reads a command line as the program does, and runs nothing.
func understand(words []string) error {
	root := newRoot()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	cmd, rest, err := root.Find(plainWords(words))
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		return err
	}
	if err := cmd.ValidateRequiredFlags(); err != nil {
		return err
	}
	return cmd.ValidateFlagGroups()
}

// plainWords takes the brackets of a usage line away.
func plainWords(words []string) (all []string) {
	for _, word := range words {
		word = strings.Trim(word, "[]()")
		if value, ok := stands[word]; ok {
			word = value
		}
		if word != "" {
			all = append(all, word)
		}
	}
	return all
}

// smokesWithoutKey is a smoke test that can only end with 2.
func smokesWithoutKey(l documentedLine) bool {
	usage := slices.Contains(l.words, "URL...")
	return l.words[0] == "smoke" && !usage && !slices.Contains(l.words, "--key") && !strings.Contains(l.block, "FERMATA_SMOKE_KEY")
}

// allFlags are the flags of all commands, with their dashes.
func allFlags(root *cobra.Command) map[string]bool {
	known := map[string]bool{"--help": true}
	for _, cmd := range root.Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known["--"+f.Name] = true })
	}
	return known
}
