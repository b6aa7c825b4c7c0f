package metrics

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestMovesOfSessionsBeginAtZeroSoThatTheFirstFailureIsGrowth(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := New(registry)
	text := scrape(t, registry, "fermata_session_moves_total")
	if got := strings.Count(text, "} 0\n"); got != len(moveResults) {
		t.Errorf("got\n%s\nwant %d zeros", text, len(moveResults))
	}
	m.SessionMoved("no_shared_bus", time.Second)
	m.SessionMoved("gone", time.Second)
	if text := scrape(t, registry, "fermata_session_moves_total"); !strings.Contains(text, `{result="no_shared_bus"} 1`) {
		t.Errorf("got\n%s\nwant one without a shared bus", text)
	} else if strings.Contains(text, "gone") {
		t.Errorf("got\n%s\nwant clients that left by themselves uncounted", text)
	}
}

func TestTheTimeOfAMoveIsThatOfMovesThatSucceed(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := New(registry)
	m.SessionMoved("moved", 20*time.Millisecond)
	m.SessionMoved("timeout", 5*time.Second)
	text := scrape(t, registry, "fermata_session_move_seconds")
	for _, want := range []string{"fermata_session_move_seconds_sum 0.02\n", "fermata_session_move_seconds_count 1\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("got\n%s\nwant in it\n%s", text, want)
		}
	}
}

func TestSubscriptionsAreReadByAppAndKindAtEachScrape(t *testing.T) {
	count := int64(5)
	registry := prometheus.NewPedanticRegistry()
	ObserveSubscriptions(registry, func() []Subscriptions {
		return []Subscriptions{{"chat", "private", count}, {"chat", "public", 0}, {"shop", "private", 7}}
	})
	wantMetrics(t, registry, `
fermata_session_subscriptions{app="chat",kind="private"} 5
fermata_session_subscriptions{app="chat",kind="public"} 0
fermata_session_subscriptions{app="shop",kind="private"} 7
`)
	count = 4
	if text := scrape(t, registry); !strings.Contains(text, `{app="chat",kind="private"} 4`) {
		t.Errorf("got\n%s\nwant 4 now", text)
	}
}
