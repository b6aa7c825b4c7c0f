package nginxconf

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	duration     = regexp.MustCompile(`^(\d+(ms|[yMwdhms]))*\d*$`)
	durationPart = regexp.MustCompile(`(\d+)(ms|[yMwdhms]?)`)
)

var durationUnits = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "": time.Second, "m": time.Minute, "h": time.Hour,
	"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "M": 30 * 24 * time.Hour, "y": 365 * 24 * time.Hour,
}

// parseDuration reads nginx's times, such as 30, 30s and 1h30m.
func parseDuration(text string) (time.Duration, bool) {
	if text == "" || !duration.MatchString(text) {
		return 0, false
	}
	var sum time.Duration
	for _, part := range durationPart.FindAllStringSubmatch(text, -1) {
		number, err := strconv.ParseInt(part[1], 10, 64)
		unit := durationUnits[part[2]]
		if err != nil || number > int64((math.MaxInt64-sum)/unit) {
			return 0, false
		}
		sum += time.Duration(number) * unit
	}
	return sum, true
}

// parseSize reads nginx's sizes, such as 1024, 8k and 1m.
func parseSize(text string) (int64, bool) {
	shift := 0
	switch last := strings.ToLower(text[max(0, len(text)-1):]); last {
	case "k", "m", "g":
		shift = map[string]int{"k": 10, "m": 20, "g": 30}[last]
		text = text[:len(text)-1]
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 0 || number > math.MaxInt64>>shift {
		return 0, false
	}
	return number << shift, true
}

// short is a duration without the parts that are zero: 5m, not 5m0s.
func short(d time.Duration) string {
	text := fmt.Sprint(d)
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
