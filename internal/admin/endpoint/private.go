package endpoint

import (
	"fmt"
	"net"
	"os"
)

// Private refuses a socket that somebody else has opened where every user of this
// machine could come in: Listen's own are for this user alone. With a token they
// may.
func Private(l net.Listener, o Options) error {
	path, isUnix := Socket(o.Address)
	if !isUnix || o.Token != "" {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return fmt.Errorf("got mode %04o of %s, want 0600, or 0660 for a group, as there is no admin.token", mode, path)
	}
	return nil
}
