//! What is said of an object after a write.

use std::collections::BTreeMap;

use super::input::Overridden;

/// Paths that are named of one object.
pub(super) const MOST_PATHS: usize = 5;

/// What an apply did: whose fields it took, and what the server made of it that was not sent. Paths only, never values.
pub(super) fn applied(overridden: &Overridden, changed: &[String]) -> String {
    let mut text = "applied".to_owned();
    if !overridden.appliers.is_empty() {
        text.push_str(&format!("; took over what {} had applied", overridden.appliers.join(" and ")));
    }
    for (manager, paths) in by_manager(overridden) {
        text.push_str(&format!("; took {} from {manager}", listed(&paths)));
    }
    if !changed.is_empty() {
        let paths: Vec<&str> = changed.iter().map(String::as_str).collect();
        text.push_str(&format!("; the server changed {}", listed(&paths)));
    }
    text
}

/// The managers whose fields were taken, with the fields.
pub(super) fn by_manager(overridden: &Overridden) -> BTreeMap<&str, Vec<&str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for field in &overridden.fields {
        found.entry(&field.manager).or_default().push(&field.path);
    }
    found
}

fn listed(paths: &[&str]) -> String {
    let shown = paths.iter().take(MOST_PATHS).copied().collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(MOST_PATHS) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_domain::projection::TakenField;

    #[test]
    fn an_override_names_the_owner_and_the_fields() {
        let field = |path: &str| TakenField { manager: "kubectl-edit".into(), path: path.into() };
        let overridden = Overridden { fields: vec![field("spec.replicas"), field("data.a")], appliers: vec![] };
        assert_eq!(applied(&overridden, &[]), "applied; took spec.replicas, data.a from kubectl-edit");
        let appliers = Overridden { fields: vec![], appliers: vec!["kubectl-client-side-apply".into()] };
        assert_eq!(
            applied(&appliers, &["spec.x".into()]),
            "applied; took over what kubectl-client-side-apply had applied; the server changed spec.x"
        );
        assert_eq!(applied(&Overridden::default(), &[]), "applied");
    }
}
