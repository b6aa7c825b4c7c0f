package metrics

import (
	"fmt"
	"os"
)

// portRange is where Linux says from which ports a connection gets its own.
const portRange = "/proc/sys/net/ipv4/ip_local_port_range"

// localPorts is how many connections this machine can have to one address; 0
// where the system does not say.
func localPorts() int {
	text, _ := os.ReadFile(portRange)
	return portsIn(string(text))
}

// portsIn counts the ports of a range such as "32768 60999"; 0 if it is none.
func portsIn(text string) int {
	var first, last int
	if _, err := fmt.Sscan(text, &first, &last); err != nil || last < first {
		return 0
	}
	return last - first + 1
}
