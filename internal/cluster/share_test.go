package cluster

import (
	"math"
	"testing"
	"time"
)

func wantAbout(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 0.01 {
		t.Errorf("%s: got %.3f, want %.3f", what, got, want)
	}
}

func TestADrainsRateIsSharedByTheClientsThatMembersHave(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 0, nodes, "a", "b")
		for _, p := range all {
			wantAbout(t, "nobody has clients", p.View().Share("r1"), 0.5)
		}
		all[0].pool.come("r1", 30)
		all[1].pool.come("r1", 10)
		passes(2 * time.Second)
		wantAbout(t, "30 of 40", all[0].View().Share("r1"), 0.75)
		wantAbout(t, "10 of 40", all[1].View().Share("r1"), 0.25)
		wantAbout(t, "a node that nobody has", all[1].View().Share("other"), 1)
		all[0].die()
		passes(4 * time.Second)
		wantAbout(t, "the only one", all[1].View().Share("r1"), 1)
	})
}

func TestAMemberThatIsAskedForMoreGetsMoreOfTheUpgrades(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 0, nodes, "a", "b", "c")
		wantAbout(t, "at rest", all[0].View().UpgradeShare("r1"), 1./3)
		for range 100 {
			all[0].pool.come("r1", 3)
			all[1].pool.come("r1", 1)
			passes(50 * time.Millisecond)
		}
		v := []float64{all[0].View().UpgradeShare("r1"), all[1].View().UpgradeShare("r1"), all[2].View().UpgradeShare("r1")}
		if math.Abs(v[0]-(0.75*0.75+0.25/3)) > 0.05 || math.Abs(v[1]-(0.75*0.25+0.25/3)) > 0.05 {
			t.Errorf("got %.2f, want about 0.65, 0.27 and 0.08", v)
		}
		wantAbout(t, "whom nobody asks", v[2], 0.25/3)
		wantAbout(t, "at another node", all[2].View().UpgradeShare("r2"), 1./3)
		if sum := v[0] + v[1] + v[2]; sum < 0.9 || sum > 1.01 {
			t.Errorf("got %.3f for all, want about 1", sum)
		}
		passes(time.Minute)
		wantAbout(t, "at rest again", all[0].View().UpgradeShare("r1"), 1./3)
	})
}

// mostUpgrades is how far the sum of all members' parts gets, as documented.
const mostUpgrades = 1.15

func TestTogetherMembersGetLittleMoreThanAllUpgradesHoweverAStormMoves(t *testing.T) {
	t.Parallel()
	for range 20 {
		bubble(t, func(t *testing.T, s *simStore) {
			all := start(t, s, 0, nodes, "a", "b", "c", "d")
			most := 0.0
			storm := func(length time.Duration, at ...*process) {
				for range int(length / (20 * time.Millisecond)) {
					for _, p := range at {
						p.pool.come("r1", 10)
					}
					passes(20 * time.Millisecond)
					sum := 0.0
					for _, p := range all {
						sum += p.View().UpgradeShare("r1")
					}
					most = max(most, sum)
				}
			}
			storm(3*time.Second, all...)
			storm(3 * time.Second)
			storm(5*time.Second, all[0])
			storm(5*time.Second, all[1])
			storm(2*time.Second, all[1], all[2])
			storm(30 * time.Second)
			storm(5*time.Second, all[3])
			if most > mostUpgrades {
				t.Errorf("got %.2f of all upgrades at the same time, want at most %.2f", most, mostUpgrades)
			}
		})
	}
}
