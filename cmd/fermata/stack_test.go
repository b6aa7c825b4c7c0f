package main

import (
	"context"
	"strings"

	"fermata/internal/app/apptest"
)

// cli runs a command against the stack's admin endpoint.
func cli(s *apptest.Stack, args ...string) (code int, out, errOut string) {
	s.T.Helper()
	var o, e strings.Builder
	ctx, cancel := context.WithTimeout(context.Background(), apptest.Timeout)
	defer cancel()
	code = run(ctx, append(args, "--admin", s.Admin), strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// wantCLI runs a command and looks for parts of what it says.
func wantCLI(s *apptest.Stack, exit int, out, errOut string, args ...string) {
	s.T.Helper()
	code, gotOut, gotErr := cli(s, args...)
	if code != exit || !strings.Contains(gotOut, out) || !strings.Contains(gotErr, errOut) {
		s.T.Errorf("%q: got exit %d\n%s%s\nwant %d with\n%s\n%s", args, code, gotOut, gotErr, exit, out, errOut)
	}
}
