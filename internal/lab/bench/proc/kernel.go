//go:build linux

package proc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// caches are the kernel's caches that a socket in epoll takes from. The dentry
// of each, 192 bytes, is left out: all files of the machine are among those.
var caches = map[string]bool{
	"TCP": true, "TCPv6": true, "MPTCP": true, "sock_inode_cache": true, "filp": true,
	"eventpoll_epi": true, "eventpoll_pwq": true, "ep_head": true,
	"skbuff_head_cache": true, "skbuff_small_head": true, "skbuff_fclone_cache": true,
}

// Sockets is what the kernel holds for all sockets of the machine, in bytes:
// their structures, and what is queued in them. Only root can read it.
func Sockets() (int64, error) {
	slab, err := parseFile("/proc/slabinfo", parseSlab)
	queued, err2 := parseFile("/proc/net/sockstat", parseSockstat)
	return slab + queued*int64(os.Getpagesize()), errors.Join(err, err2)
}

func parseFile(name string, parse func(io.Reader) (int64, error)) (int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := parse(f)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return n, nil
}

// parseSlab adds up the objects of our caches: name, objects in use, objects,
// size of one, and more.
func parseSlab(r io.Reader) (bytes int64, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !caches[fields[0]] {
			continue
		}
		objects, err := strconv.ParseInt(fields[1], 10, 64)
		size, err2 := strconv.ParseInt(fields[3], 10, 64)
		if err := errors.Join(err, err2); err != nil {
			return 0, err
		}
		bytes += objects * size
	}
	return bytes, lines.Err()
}

// parseSockstat finds the pages that are queued in TCP sockets.
func parseSockstat(r io.Reader) (pages int64, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || fields[0] != "TCP:" {
			continue
		}
		for i := 1; i+1 < len(fields); i += 2 {
			if fields[i] == "mem" {
				return strconv.ParseInt(fields[i+1], 10, 64)
			}
		}
	}
	return 0, errors.Join(lines.Err(), errors.New("got no TCP memory"))
}
