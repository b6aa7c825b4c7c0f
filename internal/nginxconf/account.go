package nginxconf

import (
	"fmt"

	"fermata/internal/nginxconf/syntax"
)

// account remembers of which directives something has become, so that none is
// lost in silence.
type account struct {
	settled map[string]bool // taken over, or in a comment
	whole   map[string]bool // blocks whose content goes with them
}

func newAccount() account { return account{map[string]bool{}, map[string]bool{}} }

// settle is for directives that are taken over, or have a comment.
func (a account) settle(all ...syntax.Directive) {
	for _, d := range all {
		a.settled[key(d)] = true
	}
}

// settleWhole is settle for blocks that nobody needs to look into.
func (a account) settleWhole(all ...syntax.Directive) {
	a.settle(all...)
	for _, d := range all {
		a.whole[key(d)] = true
	}
}

// key is one for all servers that include the directive.
func key(d syntax.Directive) string {
	return fmt.Sprintf("%q %d %q %q", d.File, d.Line, d.Name, d.Args)
}

// unsettled calls f with every directive of which nothing has become, and does
// not look into it.
func (a account) unsettled(block []syntax.Directive, f func(syntax.Directive)) {
	for _, d := range block {
		switch {
		case !a.settled[key(d)]:
			f(d)
		case !a.whole[key(d)]:
			a.unsettled(d.Block, f)
		}
	}
}
