//! Which clusters an application goes to.

use uuid::Uuid;

use crate::application::Destination;
use crate::cluster::Cluster;

/// Why a destination names no cluster that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// No cluster has the name.
    #[error("no cluster is named {0:?}; `windlass cluster list` shows those that are registered")]
    UnknownName(String),
    /// No cluster has the address among its aliases.
    #[error("no cluster has {0:?} among its serverAliases; use destination.name, or add the alias to the cluster")]
    UnknownServer(String),
    /// More than one cluster has the address.
    #[error("{server:?} is an alias of several clusters ({clusters}); use destination.name")]
    Ambiguous {
        /// The address.
        server: String,
        /// The clusters, by name.
        clusters: String,
    },
}

/// The clusters that `destination` means, by uid ascending. A selector that matches none is no error: clusters come and go.
pub fn targets(destination: &Destination, clusters: &[Cluster]) -> Result<Vec<Uuid>, DestinationError> {
    if let Some(selector) = &destination.cluster_selector {
        let mut uids: Vec<Uuid> = clusters.iter().filter(|c| selector.matches(&c.labels)).map(|c| c.uid).collect();
        uids.sort_unstable();
        return Ok(uids);
    }
    if !destination.name.is_empty() {
        let named = clusters.iter().find(|c| c.name == destination.name);
        return named.map(|c| vec![c.uid]).ok_or_else(|| DestinationError::UnknownName(destination.name.clone()));
    }
    let server = destination.server.trim_end_matches('/');
    let matching: Vec<&Cluster> = clusters
        .iter()
        .filter(|c| c.server_aliases.iter().any(|alias| alias.trim_end_matches('/') == server))
        .collect();
    match matching.as_slice() {
        [] => Err(DestinationError::UnknownServer(destination.server.clone())),
        [one] => Ok(vec![one.uid]),
        several => {
            let clusters = several.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
            Err(DestinationError::Ambiguous { server: destination.server.clone(), clusters })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::ClusterSelector;
    use crate::time::from_millis;

    fn cluster(id: u128, name: &str, env: &str) -> Cluster {
        Cluster {
            uid: Uuid::from_u128(id),
            name: name.into(),
            labels: [("env".to_owned(), env.to_owned())].into(),
            server_aliases: vec![format!("https://{name}.example/")],
            facts: None,
            created_at: from_millis(0),
            revision: 1,
        }
    }

    #[test]
    fn name_server_and_selector_find_their_clusters() {
        let clusters = [cluster(2, "eu-1", "prod"), cluster(1, "us-1", "prod"), cluster(3, "dev", "dev")];
        let by_name = Destination { name: "dev".into(), ..Default::default() };
        assert_eq!(targets(&by_name, &clusters), Ok(vec![Uuid::from_u128(3)]));
        let by_server = Destination { server: "https://eu-1.example".into(), ..Default::default() };
        assert_eq!(targets(&by_server, &clusters), Ok(vec![Uuid::from_u128(2)]));
        let selector = ClusterSelector { match_labels: [("env".into(), "prod".into())].into(), ..Default::default() };
        let by_label = Destination { cluster_selector: Some(selector), ..Default::default() };
        assert_eq!(targets(&by_label, &clusters), Ok(vec![Uuid::from_u128(1), Uuid::from_u128(2)]));
    }

    #[test]
    fn what_is_not_found_is_named() {
        let clusters = [cluster(1, "a", "x")];
        let missing = Destination { name: "nope".into(), ..Default::default() };
        assert!(targets(&missing, &clusters).expect_err("none").to_string().contains("nope"));
        let missing = Destination { server: "https://nope".into(), ..Default::default() };
        assert!(targets(&missing, &clusters).is_err());
    }
}
