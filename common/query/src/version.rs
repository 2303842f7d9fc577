//! Versions and constraints on them, as `github.com/Masterminds/semver/v3` reads them.

mod comparator;
mod parse;

use std::cmp::Ordering;

use self::comparator::Comparator;

/// Most bytes of a version; longer texts are none.
pub const MAX_VERSION: usize = 256;

/// Most bytes of a constraint.
pub const MAX_CONSTRAINT: usize = 512;

/// Most alternatives (`||`) of a constraint.
const MAX_ALTERNATIVES: usize = 32;

/// A semantic version. Ordered by precedence, so that build metadata makes no difference: `1.0.0+a` equals `1.0.0+b`.
#[derive(Debug, Clone)]
pub struct Version(semver::Version);

/// A condition on versions, such as `^1.2 || >=2.1 <3`.
///
/// A comparator is an operator (`=`, `!=`, `>`, `<`, `>=`, `<=`, `~`, `^`; none is `=`) and a version whose last parts may be missing or `x`, `X`, `*`. Spaces
/// or commas between comparators mean *and*, `||` means *or*, `a - b` is `>=a <=b`. Prereleases match only where one of the comparators of the same
/// alternative names a prerelease (`>=1.2-0`).
#[derive(Debug, Clone)]
pub struct Constraint {
    text: String,
    alternatives: Vec<Vec<Comparator>>,
}

/// Why a text is no constraint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConstraint {
    /// Longer than [`MAX_CONSTRAINT`].
    #[error("the version constraint has {0} bytes; the limit is {MAX_CONSTRAINT}")]
    TooLong(usize),
    /// Too many alternatives.
    #[error("the version constraint has {0} alternatives; the limit is {MAX_ALTERNATIVES}")]
    TooManyAlternatives(usize),
    /// Not of the language.
    #[error("{rest:?} is no version constraint; write for example 1.2.x, ~1.2, ^1.2 or >=1.2 <2")]
    Malformed {
        /// From where it cannot be read.
        rest: String,
    },
}

// === impl Version ===

impl Version {
    /// Reads a version loosely: a `v` may stand before it, minor and patch may be missing, numbers may begin with zeros.
    /// `None` for everything else, and for numbers beyond 64 bits.
    pub fn parse(text: &str) -> Option<Self> {
        parse::version(text).map(Self)
    }

    /// Whether it is a prerelease.
    pub fn is_prerelease(&self) -> bool {
        !self.0.pre.is_empty()
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp_precedence(&other.0)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

// === impl Constraint ===

impl Constraint {
    /// Reads a constraint. A plain version is one too: it stands for itself.
    pub fn parse(text: &str) -> Result<Self, InvalidConstraint> {
        if text.len() > MAX_CONSTRAINT {
            return Err(InvalidConstraint::TooLong(text.len()));
        }
        let alternatives: Vec<&str> = text.split("||").collect();
        if alternatives.len() > MAX_ALTERNATIVES {
            return Err(InvalidConstraint::TooManyAlternatives(alternatives.len()));
        }
        let alternatives = alternatives.into_iter().map(parse::alternative).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), alternatives })
    }

    /// Whether a version satisfies it.
    pub fn matches(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|all| {
            let allowed = !version.is_prerelease() || all.iter().any(Comparator::names_a_prerelease);
            allowed && all.iter().all(|comparator| comparator.matches(&version.0))
        })
    }

    /// Whether a version would satisfy it if every lower bound were written with `-0`, which lets prereleases in.
    pub fn matches_with_prereleases(&self, version: &Version) -> bool {
        let matches = |comparator: &Comparator| comparator.with_prereleases().matches(&version.0);
        self.alternatives.iter().any(|all| all.iter().all(matches))
    }

    /// How far a version is from the nearest one that the constraint names: by major, then minor, then patch.
    pub fn distance(&self, version: &Version) -> (u64, u64, u64) {
        let comparators = self.alternatives.iter().flatten();
        comparators.map(|comparator| comparator.distance(&version.0)).min().unwrap_or_default()
    }

    /// The text it was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Constraint {
    fn eq(&self, other: &Self) -> bool {
        self.alternatives == other.alternatives
    }
}

impl Eq for Constraint {}

impl std::fmt::Display for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let rest = |text: &str| match Constraint::parse(text) {
            Err(InvalidConstraint::Malformed { rest }) => rest,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(rest(">=1.0, main"), "main");
        assert_eq!(rest("1.2.3.4"), ".4");
        assert_eq!(rest("~>"), "~>");
        assert_eq!(rest("1 || "), " ");
        let long = "1".repeat(MAX_CONSTRAINT + 1);
        assert_eq!(Constraint::parse(&long), Err(InvalidConstraint::TooLong(MAX_CONSTRAINT + 1)));
        let many = vec!["1"; MAX_ALTERNATIVES + 1].join("||");
        assert_eq!(Constraint::parse(&many), Err(InvalidConstraint::TooManyAlternatives(MAX_ALTERNATIVES + 1)));
    }

    #[test]
    fn prereleases_are_held_back_unless_asked_for() {
        let both = |constraint: &str, version: &str| {
            let constraint = Constraint::parse(constraint).expect("a constraint");
            let version = Version::parse(version).expect("a version");
            (constraint.matches(&version), constraint.matches_with_prereleases(&version))
        };
        for constraint in ["3.x", "^3", "~3.0", ">=3", ">=2", "3.0 - 4"] {
            assert_eq!(both(constraint, "3.0.0-rc.1"), (false, true), "{constraint}");
        }
        assert_eq!(both(">=3-0", "3.0.0-rc.1"), (true, true));
        assert_eq!(both("=3.0.0", "3.0.0-rc.1"), (false, false));
        assert_eq!(both("2.x", "3.0.0-rc.1"), (false, false));
    }

    #[test]
    fn the_distance_is_to_the_nearest_named_version() {
        let constraint = Constraint::parse("~3.1 || 7").expect("a constraint");
        let distance = |text: &str| constraint.distance(&Version::parse(text).expect("a version"));
        assert_eq!(distance("v2.9.1"), (1, 8, 1));
        assert_eq!(distance("6.0.0-rc.1"), (1, 0, 0));
    }
}
