// Writes what Argo CD's Go modules say of many patterns and texts: the goldens of windlass-query.
//
// Every case is a pattern and the texts of its table that match it, as indexes; null where the pattern is refused.
package main

import (
	"encoding/json"
	"math/rand"
	"os"
	"path"
	"path/filepath"
	"sort"
)

type table struct {
	Texts []string `json:"texts"`
	Cases []result `json:"cases"`
}

type result struct {
	Pattern string `json:"pattern"`
	Matches []int  `json:"matches"`
	Crashes []int  `json:"crashes,omitempty"`
}

// compile returns a matcher, or nil for a pattern that is refused.
type compile func(pattern string) func(text string) bool

func main() {
	if len(os.Args) != 2 {
		panic("usage: oracle DIRECTORY")
	}
	write := func(name string, texts, patterns []string, compile compile) {
		out, err := json.Marshal(answer(texts, patterns, compile))
		check(err)
		check(os.WriteFile(filepath.Join(os.Args[1], name+".json"), append(out, '\n'), 0o644))
	}
	check(os.MkdirAll(os.Args[1], 0o755))
	random := rand.New(rand.NewSource(1))
	globs := append(globPatterns, mixed(random, globPieces, 1500)...)
	texts := append(globTexts, mixed(random, textPieces, 120)...)
	write("gobwas", texts, globs, gobwas())
	write("gobwas-slash", texts, globs, gobwas('/'))
	write("path-match", texts, append(globs, pathPatterns...), pathMatch)
	write("semver", versions, append(constraints, mixedConstraints(random, 1500)...), masterminds)
	write("versions", []string{}, versionTexts, parses)
	jq, err := json.Marshal(jqCases())
	check(err)
	check(os.WriteFile(filepath.Join(os.Args[1], "jq.json"), append(jq, '\n'), 0o644))
	order, err := json.Marshal(ascending(versions))
	check(err)
	check(os.WriteFile(filepath.Join(os.Args[1], "order.json"), append(order, '\n'), 0o644))
}

func answer(texts, patterns []string, compile compile) table {
	out := table{Texts: unique(texts)}
	for _, pattern := range unique(patterns) {
		found := result{Pattern: pattern}
		if matches := compile(pattern); matches != nil {
			found.Matches = []int{}
			for i, text := range out.Texts {
				if !survives(matches, text) {
					found.Crashes = append(found.Crashes, i)
				} else if matches(text) {
					found.Matches = append(found.Matches, i)
				}
			}
		}
		out.Cases = append(out.Cases, found)
	}
	return out
}

// mixed makes texts of up to six pieces.
func mixed(random *rand.Rand, pieces []string, count int) []string {
	var out []string
	for range count {
		text := ""
		for range 1 + random.Intn(6) {
			text += pieces[random.Intn(len(pieces))]
		}
		out = append(out, text)
	}
	return out
}

func unique(texts []string) []string {
	seen := map[string]bool{}
	out := []string{}
	for _, text := range texts {
		if !seen[text] {
			seen[text] = true
			out = append(out, text)
		}
	}
	return out
}

func pathMatch(pattern string) func(string) bool {
	if _, err := path.Match(pattern, ""); err != nil {
		return nil
	}
	return func(text string) bool {
		matched, err := path.Match(pattern, text)
		return err == nil && matched
	}
}

func ascending(texts []string) []string {
	var out []string
	for _, text := range texts {
		if version(text) != nil {
			out = append(out, text)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return version(out[i]).LessThan(version(out[j])) })
	return out
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
