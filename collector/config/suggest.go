package config

import "strings"

// suggest names the key that was probably meant by the unknown name.
func suggest(name string) string {
	best, bestAt := "", 1<<30
	for _, k := range Keys() {
		for at := k; ; {
			if d := distance(name, at); d < bestAt {
				best, bestAt = at, d
			}
			i := strings.LastIndexByte(at, '.')
			if i < 0 {
				break
			}
			at = at[:i] // a group is a key too
		}
		// The right word in the wrong group.
		if last(k) == last(name) && bestAt > 1 {
			best, bestAt = k, 1
		}
	}
	if bestAt > 1+len(last(name))/3 {
		return "remove it; `weir check --sample` prints every key"
	}
	return "did you mean " + best + "?"
}

func last(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// distance counts the letters to insert, remove, replace or swap with their
// neighbour to make a of b, with '-' and capitals for free.
func distance(a, b string) int {
	const most = 64 // a longer name is none of ours
	a = strings.ReplaceAll(strings.ToLower(a), "-", "_")
	if len(a) > most {
		return len(a)
	}
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	next := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
