package handover

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// PeerPID is the other one's process id, as the kernel says; 0: it is of another
// namespace, or not known.
func (c *Conn) PeerPID() int {
	peer, err := credentials(c.unix)
	if err != nil {
		return 0
	}
	return int(peer.Pid)
}

// checkPeer refuses processes of other users, root among them: what they do is done
// as the user that Fermata runs as.
func checkPeer(conn *net.UnixConn) error {
	peer, err := credentials(conn)
	if err != nil {
		return err
	}
	if own := uint32(os.Geteuid()); peer.Uid != own {
		return fmt.Errorf("got a process of user %d, want one of %d", peer.Uid, own)
	}
	return nil
}

func credentials(conn *net.UnixConn) (peer *unix.Ucred, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return peer, errors.Join(controlErr, err)
}
