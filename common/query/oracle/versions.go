package main

import (
	"math/rand"

	"github.com/Masterminds/semver/v3"
)

func masterminds(pattern string) func(string) bool {
	constraint, err := semver.NewConstraint(pattern)
	if err != nil {
		return nil
	}
	return func(text string) bool {
		found := version(text)
		return found != nil && constraint.Check(found)
	}
}

func parses(text string) func(string) bool {
	if version(text) == nil {
		return nil
	}
	return func(string) bool { return true }
}

func version(text string) *semver.Version {
	found, err := semver.NewVersion(text)
	if err != nil {
		return nil
	}
	return found
}

func mixedConstraints(random *rand.Rand, count int) []string {
	operators := []string{"", "", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^"}
	parts := []string{"0", "1", "2", "3", "x", "*", "X"}
	tails := []string{"", "", "", "", "-0", "-alpha", "-beta.2", "+build"}
	joins := []string{" ", ", ", ",", " || ", "||", " - ", "  ", "|", ""}
	one := func() string {
		text := operators[random.Intn(len(operators))]
		if random.Intn(4) == 0 {
			text += " "
		}
		if random.Intn(5) == 0 {
			text += "v"
		}
		text += parts[random.Intn(len(parts))]
		for range random.Intn(3) {
			text += "." + parts[random.Intn(len(parts))]
		}
		return text + tails[random.Intn(len(tails))]
	}
	var out []string
	for range count {
		text := one()
		for range random.Intn(3) {
			text += joins[random.Intn(len(joins))] + one()
		}
		out = append(out, text)
	}
	return out
}

var versions = []string{
	"0.0.0", "0.0.0-0", "0.0.0-alpha", "0.0.1", "0.0.2", "0.1.0", "0.1.1", "0.1.0-rc.1", "0.2.0", "0.2.3", "0.3.0", "1", "v1", "1.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta",
	"1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "v1.0.0", "1.0.0+a", "1.0.1", "1.1.0", "1.1.1", "1.2.0-alpha", "1.2.0", "1.2.2", "1.2.3-0", "1.2.3-beta.2", "1.2.3", "1.2.3+build.7",
	"1.2.4", "1.3.0", "1.9.9", "v1.10.0", "2.0.0-0", "2.0.0-alpha", "2.0.0-beta.2", "2.0.0", "2.0.1", "2.1.0", "2.2.2", "2.3.0-rc1", "3.0.0-alpha", "3.0.0", "3.1.2", "3.3.3", "10.0.0", "11.1.0",
	"12.0.0", "2024.1.5", "1.0.0--", "1.0.0-a-b", "1.0.0-1", "1.0.0-99", "1.0.0-103", "18446744073709551615.0.0",
}

var constraints = []string{
	"", " ", "*", "x", "X", "v*", "*-0", "1", "v1", "1.x", "1.X.x", "1.*", "1.x.3", "x.1.2", "1.2", "1.2.x", "1.2.*", "1.2.3", "=1.2.3", "= 1.2.3", "v1.2.3", "!=1.2.3", "!=1.2", "!=1", "!=x", "!=1.2.x-alpha",
	">1", ">1.2", ">1.2.3", ">x", ">*-0", "<1", "<1.2", "<x", ">=1", ">=1.2", ">=1.2-0", ">=1.2.3-0", "=>1.2", "<=1", "<=1.2", "<=1.2.3", "<=x", "=<1.2", "~1", "~1.2", "~1.2.3", "~0", "~0.0", "~0.0.0", "~*", "~x.1",
	"~1.2.3-beta.2", "~1.x-0", "~>1.2", "~> 1.2.3", "^1", "^1.2", "^1.2.3", "^0", "^0.0", "^0.0.0", "^0.0.1", "^0.1", "^0.2.3", "^0.x", "^*", "^1.2.3-beta.2", "^2.0.0-0", "1 - 2", "1.0 - 2.0", "1.0.0 - 2.0.0", "1.2 - 1.x",
	"1 - 2 || 3 - 4", "1.0.0-alpha - 2", "1 -2", "1- 2", "1-2", "1  -  2", "1 - 2 - 3", ">1 - 2", "> 1 - 2", "1.0 2 - 3", "1.0, 2 - 3", "2 - 3 4", "2 - 3, !=2.1", " 1 - 2 ", ">=1.2 <2", ">=1.2, <2", ">=1.2,<2", ">=1.2<2",
	">= 1.2, < 2.0.0 || >= 3", "^1 || ^3", "1||2||3", "1 ||", "|| 1", "1 | 2", "1 || || 2", "~1.2 || 3.x", "main", "HEAD", "release-1.x", "release/1.x", "1.x-stable", "latest", "v", "v.1", "vv1", "1.", "1.2.", "1.2.3.", "1.2.3.4",
	"1..2", ".1", "-1", "+1", "1.2.3-", "1.2.3-a.", "1.2.3-a..b", "1.2.3+", "1.2.3-01", "1.2.3-0a", "01.02.03", "1x", "1.2x", "xx", "x1", "1.2.3 ", " 1.2.3", "\t1.2.3", "1.2.3\n", "\u00a01", "1.2.3, ", ", 1.2.3", "1,,2", "1;2", ">", ">=", "~",
	"^", "=", "==1", "=!1", "<>1", ">>1", "!1", "~~1", "^^1", "~^1", ">v1", "> v1.2", "18446744073709551616", "99999999999999999999.x", "x.99999999999999999999", "abcdef1", "1234567", "0123456789abcdef0123456789abcdef01234567",
	">=1.0.0-alpha, <2", ">=1.0.0, <2-0", "!=2.0.0-alpha", ">1-alpha", "<2.0.0-beta.11", "1.0.0-beta", "1.0.0+a", "1.2.3+anything", "~1.0.0+a", "v1.2.x", "V1.2", "1.2.3_4", "é", "1.é", "2024.x", ">=2024.1", "*.*.*", "*.1", "1.*.*", "0.x", "0.0.x", "00.x",
}

var versionTexts = append(append([]string{}, constraints...), versions...)
