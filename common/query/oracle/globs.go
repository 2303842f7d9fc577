package main

import "github.com/gobwas/glob"

func gobwas(separators ...rune) compile {
	return func(pattern string) func(string) bool {
		compiled, err := glob.Compile(pattern, separators...)
		if err != nil {
			return nil
		}
		return compiled.Match
	}
}

// survives tells whether gobwas 0.2.3 answers at all: on some patterns with characters of several bytes it panics.
func survives(matches func(string) bool, text string) (survived bool) {
	defer func() { survived = recover() == nil }()
	matches(text)
	return
}

var globPatterns = []string{
	"", "*", "**", "***", "?", "??", "*.yaml", "**.yaml", "**/*.yaml", "*/*.yaml", "*.{yaml,yml}", "{*.yaml,*.yml}", "config.*",
	"{config,secret}*", "env-{dev,prod-*}/*", "env/*", "env/**", "env/**/a.yaml", "**/env/*", "a", "a*", "*a", "*a*", "a*b", "a?c", "a\\*", "\\", "a\\",
	"\\a", "a\\\\b", "[abc]", "[!abc]", "[a-c]", "[!a-c]", "[a-]", "[-a]", "[]", "[!]", "[]a]", "[a", "[z-a]", "[a-cx-z]", "[^a]", "[!!a]", "[\\]]", "[a\\",
	"[\\a-c]", "{", "}", "{}", "{a", "{a,", "{,a}", "{a,}", "{a,b}", "{a,{b,c}}", "{a,b}c", "a{b,c}d", "{a,b}{c,d}", "a,b", "a}b", "{a\\,b}", "{a\\}b}",
	"{a*,b?}", "{*,a}", "{[a-c],x}", "{env/**/a.yaml,x}", "x{a*a,b}", "{x*x,a}b", "{a*a,b*b}", "a*a", "aa*aa", "ab*b", "{ab*b,b*a}", "a*a*a", "?a*a", "{a,b}*b", "{env-*,prod}/*", "{*-dev,prod}/*.yaml", "*-{dev,prod}/**", "{*a,b}c", "**/{a,b}.y*ml", "nested/**", "**nested**", "nested/*/a.yaml", "https://github.com/*", "https://github.com/**", "https://github.com/*/*",
	"https://github.com/argoproj/*", "git@github.com:*/*", "*.example.com", "https://*.example.com/**", "!a", "é*", "?é", "[é-ü]", "a b", "a.b", "a+b", "(a|b)",
	"^a$", "team-*", "team-?", "default", "*-system", "{default,*-system}", "kube-{system,public}", "apps", "apps/v1", "*.k8s.io", "apps*",
}

var globTexts = []string{
	"", "a", "b", "c", "d", "x", "z", "A", "-", "]", "}", "{", ",", "!", "^", "*", "?", "\\", "/", "//", ".", "ab", "ac", "bc", "abc", "abcd", "a/b", "a/b/c", "a,b",
	"a}b", "a\\b", "a*", "a b", "a.b", "a+b", "axb", "aéb", "é", "ü", "aé", "日本", "(a|b)", "^a$", "a\nb", "a.yaml", "b.yml", "a.json", "config.yaml", "config.json",
	"secret.yml", "config/a.yaml", "env/a.yaml", "env/b/a.yaml", "env/b/c/a.yaml", "x/env/a.yaml", "env-dev/a.yaml", "env-prod-eu/b.yaml", "env-prod-eu/x/b.yaml",
	"env/", "env", "nested/a.yaml", "nested/b/a.yaml", "nested", "https://github.com/argoproj/argo-cd", "https://github.com/argoproj/argo-cd.git",
	"https://github.com/argoproj", "https://github.com/", "git@github.com:argoproj/argo-cd.git", "https://git.example.com/a/b", "https://example.com/a",
	"team-a", "team-ab", "team-", "default", "aa", "aaa", "xa", "xaa", "aba", "prod/a.yaml", "team-dev/a.yaml", "ac", "abac", "x/a.yaml", "x/y/b.yml", "kube-system", "kube-public", "apps", "apps/v1", "batch.k8s.io", "k8s.io",
}

var globPieces = []string{
	"a", "b", "ab", "c", "/", "*", "**", "?", "[ab]", "[!a]", "[a-c]", "[!a-b]", "{a,b}", "{a,b*}", "{b*c,a}", "{ab,c/}", "}", ",", "\\", "\\*", "[", "]", "-", "!", "^", ".",
}

var textPieces = []string{"a", "b", "c", "ab", "/", ".", "*", "-", "{", "}", ",", "\\", "ba", "x"}

var pathPatterns = []string{
	"[^a]", "[^a-c]", "[a-cx-z]", "[^]", "[^a", "[\\-x]", "[x\\-]", "[-]", "[-x]", "[x-]", "[a-b-c]", "[]a]", "[z-a]", "[^z-a]", "[a-\\]]", "a[", "a[^bc", "*x", "a*/b", "*[ab", "a\\[b", "[^/]",
}
