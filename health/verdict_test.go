package health

import "testing"

func TestTheVerdictChangesAfterEnoughOutcomesInARow(t *testing.T) {
	// p passes, f fails; u is up, d is down, and the capital says changed.
	f := func(rise, fall int, outcomes, want string) {
		t.Helper()
		v := verdict{rise: rise, fall: fall}
		var got []byte
		for _, outcome := range outcomes {
			letter := byte('d')
			changed := v.add(outcome == 'p')
			if v.up {
				letter = 'u'
			}
			if changed {
				letter -= 'a' - 'A'
			}
			got = append(got, letter)
		}
		if string(got) != want {
			t.Errorf("rise %d, fall %d, %s: got %s, want %s", rise, fall, outcomes, got, want)
		}
	}
	f(3, 3, "p", "U") // the first one decides
	f(3, 3, "f", "D")
	f(1, 1, "pfpf", "UDUD")
	f(2, 2, "pfpfpff", "UuuuuuD") // in a row, not in all
	f(2, 2, "fpfpfpp", "DdddddU")
	f(2, 3, "pfffppfff", "UuuDdUuuD")
	f(3, 1, "pfppfppp", "UDdddddU")
	f(0, 0, "pfp", "UDU") // as good as one
}
