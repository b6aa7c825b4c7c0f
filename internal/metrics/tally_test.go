package metrics

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"fermata/proxy/relay"
)

func TestTalliesAreReadByNodeAtEachScrape(t *testing.T) {
	tallies := []Tally{
		{Node: "a", Relayed: relay.Totals{BytesToNode: 1, BytesToClient: 2, MessagesToNode: 3, MessagesToClient: 4}, Apps: map[string]int{"chat": 5, "shop": 6}, Sessions: 9},
		{Node: "b"},
	}
	registry := prometheus.NewPedanticRegistry()
	ObserveTallies(registry, func() []Tally { return tallies })
	wantMetrics(t, registry, `
fermata_app_connections{app="chat",node="a"} 5
fermata_app_connections{app="shop",node="a"} 6
fermata_node_relay_bytes_total{direction="to_client",node="a"} 2
fermata_node_relay_bytes_total{direction="to_client",node="b"} 0
fermata_node_relay_bytes_total{direction="to_node",node="a"} 1
fermata_node_relay_bytes_total{direction="to_node",node="b"} 0
fermata_node_relay_messages_total{direction="to_client",node="a"} 4
fermata_node_relay_messages_total{direction="to_client",node="b"} 0
fermata_node_relay_messages_total{direction="to_node",node="a"} 3
fermata_node_relay_messages_total{direction="to_node",node="b"} 0
fermata_sessions{node="a"} 9
fermata_sessions{node="b"} 0
`)
	tallies = nil
	wantMetrics(t, registry, "")
}
