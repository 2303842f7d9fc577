//! A version constraint on tags, as Argo CD understands one.

use std::cmp::Reverse;

use windlass_query::{Constraint, Version};

use super::{invalid, is_name};
use crate::error::{Error, Result};
use crate::protocol::RemoteRef;

/// Most tags that an error names.
const LISTED: usize = 5;

/// A version constraint on tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Versions {
    constraint: Constraint,
    /// Stands before the version in every tag that counts.
    prefix: String,
}

// === impl Versions ===

impl Versions {
    /// `None` for what is no constraint, or a plain version: that is a name.
    pub(super) fn parse(text: &str, prefix: &str) -> Result<Option<Self>> {
        if Version::parse(text).is_some() {
            return Ok(None);
        }
        let Ok(constraint) = Constraint::parse(text) else { return Ok(None) };
        if !git2::Reference::is_valid_name(&format!("refs/tags/{prefix}0")) {
            return Err(invalid(
                text,
                &format!("its tagPrefix {prefix:?} is not what git allows at the beginning of a tag"),
            ));
        }
        Ok(Some(Self { constraint, prefix: prefix.to_owned() }))
    }

    /// Why a text is neither a name nor a constraint, told for what it looks like.
    pub(super) fn explain(text: &str) -> Error {
        match Constraint::parse(text) {
            Err(error) if text.contains(['^', '~', '*', '<', '>', '=', '|', ' ', ',']) => {
                invalid(text, &format!("neither a name that git allows nor a version constraint: {error}"))
            }
            _ => invalid(text, "not a name that git allows for a branch or tag"),
        }
    }

    /// What the full names of all tags that count begin with.
    pub(crate) fn beginning(&self) -> String {
        format!("refs/tags/{}", self.prefix)
    }

    /// The constraint as the name of a branch or tag, if git allows it.
    pub(super) fn name(&self) -> Option<&str> {
        Some(self.constraint.as_str()).filter(|text| is_name(text))
    }

    /// The tag with the highest version that satisfies the constraint; the first by name where several have that version.
    pub(crate) fn highest<'a>(&self, tags: &'a [RemoteRef]) -> Option<&'a RemoteRef> {
        self.highest_that(tags, |version| self.constraint.matches(version))
    }

    /// The error where no tag satisfies the constraint.
    pub(crate) fn none(&self, url: &str, tags: &[RemoteRef]) -> Error {
        let mut nearest: Vec<_> = self.versions(tags).collect();
        nearest.sort_by_cached_key(|(tag, version)| {
            (self.constraint.distance(version), Reverse(version.clone()), tag.name.clone())
        });
        let prerelease = self.highest_that(tags, |version| self.constraint.matches_with_prereleases(version));
        Error::NoMatchingTag {
            url: url.to_owned(),
            constraint: self.constraint.to_string(),
            prefix: self.prefix.clone(),
            nearest: nearest.into_iter().take(LISTED).map(|(tag, _)| short(tag)).collect(),
            prerelease: prerelease.map(short),
        }
    }

    fn highest_that<'a>(&self, tags: &'a [RemoteRef], wanted: impl Fn(&Version) -> bool) -> Option<&'a RemoteRef> {
        let wanted = self.versions(tags).filter(|(_, version)| wanted(version));
        wanted.max_by_key(|(tag, version)| (version.clone(), Reverse(&tag.name))).map(|(tag, _)| tag)
    }

    fn versions<'a>(&self, tags: &'a [RemoteRef]) -> impl Iterator<Item = (&'a RemoteRef, Version)> {
        let beginning = self.beginning();
        tags.iter().filter_map(move |tag| Some((tag, Version::parse(tag.name.strip_prefix(&beginning)?)?)))
    }
}

impl std::fmt::Display for Versions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.prefix.as_str() {
            "" => self.constraint.fmt(f),
            prefix => write!(f, "{} of the tags {prefix}*", self.constraint),
        }
    }
}

fn short(tag: &RemoteRef) -> String {
    tag.name.strip_prefix("refs/tags/").unwrap_or(&tag.name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(names: &[&str]) -> Vec<RemoteRef> {
        let tag = |name: &&str| RemoteRef {
            name: format!("refs/tags/{name}"),
            id: git2::Oid::ZERO_SHA1,
            peeled: None,
            symref: None,
        };
        names.iter().map(tag).collect()
    }

    fn highest(constraint: &str, prefix: &str, names: &[&str]) -> Option<String> {
        let versions = Versions::parse(constraint, prefix).unwrap().unwrap();
        versions.highest(&tags(names)).map(short)
    }

    #[test]
    fn the_highest_version_wins() {
        let names = ["latest", "v1.9.0", "v1.10.0", "1.2.0", "v2.0.0-rc.1", "web/9.0.0", "v99999999999999999999.0.0"];
        assert_eq!(highest("1.x", "", &names).as_deref(), Some("v1.10.0"));
        assert_eq!(highest("<1.10", "", &names).as_deref(), Some("v1.9.0"));
        assert_eq!(highest("*", "", &names).as_deref(), Some("v1.10.0"), "prereleases are held back");
        assert_eq!(highest("*-0", "", &names).as_deref(), Some("v2.0.0-rc.1"));
        assert_eq!(highest("2.x", "", &names), None);
        assert_eq!(highest("1.x", "", &["v1.0.0", "1.0.0", "1.0"]).as_deref(), Some("1.0"), "the first by name");
    }

    #[test]
    fn only_tags_with_the_prefix_count_and_the_rest_is_the_version() {
        let names = ["1.9.0", "web/1.2.0", "web/v1.3.0", "web/api/1.8.0", "webb/1.9.0", "api/1.7.0"];
        assert_eq!(highest("1.x", "web/", &names).as_deref(), Some("web/v1.3.0"));
        assert_eq!(highest("1.x", "web", &names), None);
        assert_eq!(highest("~1.2.0", "web/", &names).as_deref(), Some("web/1.2.0"));
        for prefix in ["a b", "..", "/", "a\nb", "a*"] {
            let error = Versions::parse("1.x", prefix).unwrap_err();
            assert!(error.to_string().contains("tagPrefix"), "{error}");
        }
    }

    #[test]
    fn where_none_matches_the_nearest_are_named() {
        let none = |constraint: &str, prefix: &str, names: &[&str]| {
            let versions = Versions::parse(constraint, prefix).unwrap().unwrap();
            versions.none("https://git.example/x", &tags(names)).to_string()
        };
        let names = ["v0.1.0", "v1.0.0", "v1.1.0", "v2.0.0", "v2.1.0", "v2.2.0", "v3.0.0-rc.1"];
        assert_eq!(
            none("3.x", "", &names),
            "repository https://git.example/x has no tag with a version that satisfies \"3.x\"; the nearest are v3.0.0-rc.1, v2.0.0, v2.1.0, v2.2.0, \
             v1.0.0; v3.0.0-rc.1 is a prerelease: append -0 to a version of the constraint to allow those"
        );
        assert_eq!(
            none("~1.5", "web/", &["v1.5.0", "web/latest"]),
            "repository https://git.example/x has no tag \"web/\" followed by a version that satisfies \"~1.5\"; none of its tags there is a version"
        );
    }
}
