package proxy

import (
	"fmt"
	"testing"
)

func TestAClientThatIsHandedOverNoticesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	s.serve()
	next := s.successor()
	c := s.listen()
	c.answers()
	s.handOver(next)
	c.answers()
	wantMetric(t, s.registry, `fermata_handed_over_total{direction="out"} 1`+"\n")
	wantMetric(t, next.registry, `fermata_handed_over_total{direction="in"} 1`+"\n")
	wantMetric(t, next.registry, fmt.Sprintf("fermata_connections{node=%q} 1\n", "reverb-1"))
	c.CloseNow()
	next.wantNothingLeft(1, 0)
	s.wantNothingLeft(0, 0)
}
