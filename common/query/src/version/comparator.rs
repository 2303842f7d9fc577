//! One operator and one version.

use std::cmp::Ordering;

use semver::{Prerelease, Version};

/// How a version is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Tilde,
    Caret,
}

/// How much of a version was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// `*`
    Nothing,
    /// `1`, `1.x`
    Major,
    /// `1.2`, `1.2.x`
    Minor,
    /// `1.2.3`
    All,
}

/// A condition on versions; what was not written is zero in `version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comparator {
    pub(super) operator: Operator,
    pub(super) version: Version,
    pub(super) given: Given,
}

// === impl Operator ===

impl Operator {
    /// Spellings, longer ones before those they begin with.
    pub(super) const SPELLINGS: [(&'static str, Self); 11] = [
        ("!=", Self::NotEqual),
        (">=", Self::GreaterOrEqual),
        ("=>", Self::GreaterOrEqual),
        ("<=", Self::LessOrEqual),
        ("=<", Self::LessOrEqual),
        ("~>", Self::Tilde),
        ("~", Self::Tilde),
        ("^", Self::Caret),
        (">", Self::Greater),
        ("<", Self::Less),
        ("=", Self::Equal),
    ];
}

// === impl Comparator ===

impl Comparator {
    /// Whether a version satisfies it, prereleases not held back.
    ///
    /// Where parts were not written, `>` and `<=` mean the whole range: 1.2.3 is not `>1.2`, but is `<=1.2`. Masterminds' oddities are kept, since
    /// Argo CD's users rely on the answers: `~0.0.0` is anything from there up, `^*` is 0.0.0 alone.
    pub(super) fn matches(&self, version: &Version) -> bool {
        match self.operator {
            Operator::Equal if self.given == Given::All => self.order(version).is_eq(),
            Operator::Equal | Operator::Tilde => self.tilde(version),
            Operator::NotEqual => self.not_equal(version),
            Operator::Greater => self.range_order(version, self.given == Given::Nothing).is_gt(),
            Operator::GreaterOrEqual => self.order(version).is_ge(),
            Operator::Less => self.order(version).is_lt(),
            Operator::LessOrEqual => self.range_order(version, false).is_le(),
            Operator::Caret => self.caret(version),
        }
    }

    pub(super) fn names_a_prerelease(&self) -> bool {
        !self.version.pre.is_empty()
    }

    /// The same with `-0`, if it is a lower bound without a prerelease.
    pub(super) fn with_prereleases(&self) -> Self {
        let bound = match self.operator {
            Operator::Equal => self.given != Given::All,
            Operator::GreaterOrEqual | Operator::Tilde | Operator::Caret => true,
            Operator::NotEqual | Operator::Greater | Operator::Less | Operator::LessOrEqual => false,
        };
        let mut changed = self.clone();
        if bound && !self.names_a_prerelease() {
            changed.version.pre = Prerelease::new("0").unwrap_or_default();
        }
        changed
    }

    pub(super) fn distance(&self, version: &Version) -> (u64, u64, u64) {
        let own = &self.version;
        (own.major.abs_diff(version.major), own.minor.abs_diff(version.minor), own.patch.abs_diff(version.patch))
    }

    fn order(&self, version: &Version) -> Ordering {
        version.cmp_precedence(&self.version)
    }

    /// The order of what was written; `*` counts as `0.0.x`, or as 0.0.0 if `exact`.
    fn range_order(&self, version: &Version, exact: bool) -> Ordering {
        let own = &self.version;
        match self.given {
            Given::All => self.order(version),
            Given::Nothing if exact => self.order(version),
            Given::Major => version.major.cmp(&own.major),
            Given::Minor | Given::Nothing => (version.major, version.minor).cmp(&(own.major, own.minor)),
        }
    }

    fn not_equal(&self, version: &Version) -> bool {
        match self.given {
            Given::Nothing | Given::All => self.order(version).is_ne(),
            Given::Major => version.major != self.version.major,
            Given::Minor => self.range_order(version, false).is_ne() || version.pre != self.version.pre,
        }
    }

    fn tilde(&self, version: &Version) -> bool {
        let own = &self.version;
        let zero = (own.major, own.minor, own.patch) == (0, 0, 0);
        let within = match self.given {
            Given::Nothing | Given::All if zero => true,
            Given::Major => version.major == own.major,
            _ => (version.major, version.minor) == (own.major, own.minor),
        };
        within && self.order(version).is_ge()
    }

    /// Up to the next change of the leftmost part that is not zero.
    fn caret(&self, version: &Version) -> bool {
        let own = &self.version;
        let within = if own.major > 0 || self.given == Given::Major {
            version.major == own.major
        } else if own.minor > 0 || self.given == Given::Minor {
            (version.major, version.minor) == (0, own.minor)
        } else {
            (version.major, version.minor, version.patch) == (0, 0, own.patch)
        };
        within && self.order(version).is_ge()
    }
}
