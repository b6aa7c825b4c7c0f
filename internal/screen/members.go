package screen

import (
	"fmt"
	"strconv"
	"time"

	"fermata/internal/admin"
)

// away is that the cluster's Redis cannot be reached; nil: it can.
func (m *model) away() line {
	c := m.look.Cluster
	if c == nil || c.Away == "" {
		return nil
	}
	return line{{fmt.Sprintf("Redis is away since %s, other members' numbers are from then: %s", c.Since.Local().Format(time.TimeOnly), c.Away), yellow}}
}

// members are those of the cluster, with their clients; none without one.
func (m *model) members() []line {
	c := m.look.Cluster
	switch {
	case c == nil:
		return nil
	case m.local:
		return []line{{{"This is " + c.Member + " alone, of the cluster " + c.Name, plain}}}
	}
	parts := []line{{{plural(len(c.Members), "member"), plain}}}
	for _, member := range c.Members {
		parts = append(parts, memberPart(member))
	}
	return parts
}

func memberPart(m admin.Member) line {
	part := line{{m.Name + " " + strconv.Itoa(m.Clients), plain}}
	if m.Self {
		part = append(part, span{" (this one)", plain})
	}
	switch {
	case m.Stopping:
		part = append(part, span{" stopping", yellow})
	case !m.Ready:
		part = append(part, span{" not ready", red})
	}
	return part
}
