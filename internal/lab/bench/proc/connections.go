//go:build linux

package proc

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// Connections is how many TCP connections processes have that are open at both ends
// and came in at one of these addresses, HOST:PORT with an IPv4. Processes that are
// gone have none.
func Connections(pids []int, addresses ...string) (int, error) {
	ports := make(map[string]bool)
	for _, a := range addresses {
		_, text, err := net.SplitHostPort(a)
		if err != nil {
			return 0, err
		}
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("port of %s: %w", a, err)
		}
		ports[fmt.Sprintf("%04X", port)] = true
	}
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0, err
	}
	open, sum := established(text, ports), 0
	for _, pid := range pids {
		sum += count(pid, open)
	}
	return sum, nil
}

// established are the connections of a table of the kernel that came in at these ports,
// as the names that descriptors of them have in /proc: "socket:[INODE]".
func established(table []byte, ports map[string]bool) map[string]bool {
	const isOpen = "01"
	names := make(map[string]bool)
	for lines := bufio.NewScanner(bytes.NewReader(table)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != isOpen {
			continue
		}
		if _, port, _ := strings.Cut(fields[1], ":"); ports[port] {
			names["socket:["+fields[9]+"]"] = true
		}
	}
	return names
}

func count(pid int, names map[string]bool) (sum int) {
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if name, err := os.Readlink(dir + e.Name()); err == nil && names[name] {
			sum++
		}
	}
	return sum
}
