//! Addresses at which an object is reached from outside: those that it is given by annotation, hosts of Ingresses, addresses of load balancers. From Argo CD's
//! `controller/cache/info.go`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::manifest::{ResourceKey, annotation};

/// Annotations that begin so are links: `url`, or `title|url`.
const LINK: &str = "link.argocd.argoproj.io/";
/// `true` leaves only those links.
const NO_DEFAULTS: &str = "argocd.argoproj.io/ignore-default-links";
/// The most addresses of one object.
const MOST: usize = 50;

/// The addresses, sorted.
pub(super) fn of(key: &ResourceKey, object: &Value) -> Vec<String> {
    let mut urls: BTreeSet<String> = given(object).collect();
    if annotation(object, NO_DEFAULTS) != Some("true") {
        match (key.group.as_str(), key.kind.as_str()) {
            ("networking.k8s.io" | "extensions", "Ingress") => urls.extend(ingress(object)),
            ("", "Service") => urls.extend(service(object)),
            _ => {}
        }
    }
    urls.into_iter().take(MOST).collect()
}

fn given(object: &Value) -> impl Iterator<Item = String> + '_ {
    let annotations = object.pointer("/metadata/annotations").and_then(Value::as_object).into_iter().flatten();
    let links = annotations.filter(|(name, _)| name.starts_with(LINK)).filter_map(|(_, value)| value.as_str());
    links.filter(|link| is_web(link.rsplit('|').next().unwrap_or_default())).map(str::to_owned)
}

/// Anything else (a script) is no link.
fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

fn texts<'a>(value: &'a Value, pointer: &str) -> Vec<&'a Value> {
    value.pointer(pointer).and_then(Value::as_array).map(|list| list.iter().collect()).unwrap_or_default()
}

/// Hosts or addresses of its load balancer.
fn balancers(object: &Value) -> Vec<String> {
    let one = |entry: &Value| {
        let text = |field: &str| entry.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
        text("hostname").map(str::to_owned).or_else(|| text("ip").map(bracketed))
    };
    texts(object, "/status/loadBalancer/ingress").into_iter().filter_map(one).collect()
}

fn bracketed(ip: &str) -> String {
    if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() }
}

fn ingress(object: &Value) -> Vec<String> {
    let tls = texts(object, "/spec/tls");
    let secured: Vec<&str> = tls.iter().flat_map(|one| texts(one, "/hosts")).filter_map(|host| host.as_str()).collect();
    let everywhere = !tls.is_empty() && secured.is_empty();
    let mut urls = Vec::new();
    for rule in texts(object, "/spec/rules") {
        let host = rule.get("host").and_then(Value::as_str).filter(|host| !host.is_empty());
        let hosts = host.map_or_else(|| balancers(object), |host| vec![host.to_owned()]);
        for host in hosts {
            let scheme = if everywhere || secured.contains(&host.as_str()) { "https" } else { "http" };
            let paths = texts(rule, "/http/paths");
            let path = |one: &Value| {
                let path = one.get("path").and_then(Value::as_str).unwrap_or_default();
                path.trim_end_matches('*').trim_end_matches('/').to_owned()
            };
            let paths: BTreeSet<String> = paths.into_iter().map(path).collect();
            urls.extend(paths.into_iter().map(|path| format!("{scheme}://{host}{path}")));
        }
    }
    urls
}

fn service(object: &Value) -> Vec<String> {
    if object.pointer("/spec/type").and_then(Value::as_str) != Some("LoadBalancer") {
        return Vec::new();
    }
    let ports: Vec<u64> =
        texts(object, "/spec/ports").into_iter().filter_map(|port| port.get("port")?.as_u64()).collect();
    let schemes = [(443, "https"), (80, "http")].into_iter().filter(|(port, _)| ports.contains(port));
    let hosts = balancers(object);
    schemes.flat_map(|(_, scheme)| hosts.iter().map(move |host| format!("{scheme}://{host}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key(group: &str, kind: &str) -> ResourceKey {
        ResourceKey { group: group.into(), kind: kind.into(), namespace: "shop".into(), name: "web".into() }
    }

    #[test]
    fn an_ingress_is_reached_at_its_hosts_by_https_where_it_has_a_certificate() {
        let object = json!({"spec": {
            "tls": [{"hosts": ["shop.example"]}],
            "rules": [
                {"host": "shop.example", "http": {"paths": [{"path": "/"}, {"path": "/api/*"}]}},
                {"host": "plain.example", "http": {"paths": [{"path": "/"}]}},
                {"http": {"paths": [{"path": "/x"}]}},
            ]}, "status": {"loadBalancer": {"ingress": [{"ip": "fd00::1"}]}}});
        let want = ["http://[fd00::1]/x", "http://plain.example", "https://shop.example", "https://shop.example/api"];
        assert_eq!(of(&key("networking.k8s.io", "Ingress"), &object), want);
    }

    #[test]
    fn a_service_is_reached_at_its_load_balancer() {
        let service = |kind: &str| {
            json!({"spec": {"type": kind, "ports": [{"port": 80}, {"port": 443}, {"port": 9000}]},
            "status": {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}})
        };
        assert_eq!(of(&key("", "Service"), &service("LoadBalancer")), ["http://lb.example", "https://lb.example"]);
        assert!(of(&key("", "Service"), &service("ClusterIP")).is_empty());
    }

    #[test]
    fn links_are_given_by_annotation_and_may_stand_alone() {
        let mut object = json!({"metadata": {"annotations": {
            "link.argocd.argoproj.io/a": "Dashboard|https://grafana.example/d/1",
            "link.argocd.argoproj.io/b": "javascript:alert(1)",
        }}, "spec": {"rules": [{"host": "h.example", "http": {"paths": [{"path": "/"}]}}]}});
        let ingress = key("networking.k8s.io", "Ingress");
        assert_eq!(of(&ingress, &object), ["Dashboard|https://grafana.example/d/1", "http://h.example"]);
        object["metadata"]["annotations"][NO_DEFAULTS] = json!("true");
        assert_eq!(of(&ingress, &object), ["Dashboard|https://grafana.example/d/1"]);
    }
}
