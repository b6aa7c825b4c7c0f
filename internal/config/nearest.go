package config

// nearest is the key that was probably meant, or empty when none is near.
func nearest(typed string, keys []string) string {
	best, least := "", 3
	if len(typed) > 64 {
		return ""
	}
	for _, key := range keys {
		if edits := distance(typed, key); edits < min(least, len(key)) {
			best, least = key, edits
		}
	}
	return best
}

// distance is the number of bytes to put in, take out or change to make a into
// b (Levenshtein's distance).
func distance(a, b string) int {
	row := make([]int, len(b)+1) // the distances of a[:i] to each b[:j]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
